"""Real DICOM files to derive from: CT and MR series and an Enhanced MR instance, all anisotropic."""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    generate_uid,
)

COLUMNS, ROWS, SLICES = 12, 9, 5
SPACING = (0.8, 1.5, 4.0)  # between columns, rows, slices
ORIGIN = np.array([-50.0, -70.0, 20.0])
AXIAL = np.eye(3)
# columns of the matrix: along a row, along a column, from slice to slice
OBLIQUE = np.array([[0.96, 0.28, 0.0], [-0.224, 0.768, 0.6], [0.168, -0.576, 0.8]]).T


def position(directions: npt.NDArray[np.floating], index: Sequence[float]) -> npt.NDArray[np.floating]:
    """World coordinates (LPS, mm) of the voxel (column, row, slice)."""
    place: npt.NDArray[np.floating] = ORIGIN + directions @ (np.array(SPACING) * index)
    return place


def decimals(values: npt.NDArray[np.floating]) -> list[str]:
    return [f"{value:.8g}" for value in values]


def instance(sop_class: str, modality: str) -> Dataset:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID, image.SOPInstanceUID, image.Modality = sop_class, generate_uid(), modality
    image.PatientName, image.PatientID, image.PatientSex = "Doe^Jane", "id-7", "F"
    image.PatientBirthDate, image.StudyDate, image.StudyTime = "19700101", "20240102", "030405"
    image.AccessionNumber, image.StudyID, image.ReferringPhysicianName = "acc", "study", "Who^Doctor"
    image.SeriesNumber, image.InstanceNumber, image.BodyPartExamined = 4, 1, "HEAD"
    image.Rows, image.Columns, image.SamplesPerPixel = ROWS, COLUMNS, 1
    image.PhotometricInterpretation, image.BitsAllocated, image.BitsStored = "MONOCHROME2", 16, 16
    image.HighBit, image.PixelRepresentation = 15, 0
    return image


def save(image: Dataset, folder: Path, frames: int = 1) -> Dataset:
    image.PixelData = np.arange(ROWS * COLUMNS * frames, dtype="<u2").tobytes()
    path = folder / f"{image.SOPInstanceUID}.dcm"
    image.save_as(path, enforce_file_format=True)
    return pydicom.dcmread(path)


@pytest.fixture
def series(tmp_path: Path) -> Callable[..., list[Dataset]]:
    """Write a CT or MR series; give it in the order of the slice axis."""

    def write(
        modality: str = "CT", directions: npt.NDArray[np.floating] = AXIAL, **change: str | float | None
    ) -> list[Dataset]:
        study, own, frame_of_reference = generate_uid(), generate_uid(), generate_uid()
        images = []
        for index in range(SLICES):
            image = instance(CTImageStorage if modality == "CT" else MRImageStorage, modality)
            image.StudyInstanceUID, image.SeriesInstanceUID = study, own
            image.FrameOfReferenceUID, image.InstanceNumber = frame_of_reference, index + 1
            image.ImagePositionPatient = decimals(position(directions, (0, 0, index)))
            image.ImageOrientationPatient = decimals(directions[:, :2].T.ravel())
            image.PixelSpacing, image.SliceThickness = [SPACING[1], SPACING[0]], SPACING[2]
            for keyword, value in change.items():
                if value is None:
                    delattr(image, keyword)
                else:
                    setattr(image, keyword, value)
            images.append(save(image, tmp_path))
        return images

    return write


@pytest.fixture
def enhanced_mr(tmp_path: Path) -> Callable[..., Dataset]:
    """Write an Enhanced MR instance, its orientation shared or repeated in every frame."""

    def write(directions: npt.NDArray[np.floating] = OBLIQUE, *, repeated: bool = False) -> Dataset:
        image = instance(EnhancedMRImageStorage, "MR")
        image.StudyInstanceUID, image.SeriesInstanceUID = generate_uid(), generate_uid()
        image.FrameOfReferenceUID, image.NumberOfFrames = generate_uid(), SLICES
        shared, frames = Dataset(), []
        for index in range(SLICES):
            frame = Dataset()
            frame.PlanePositionSequence = [Dataset()]
            place = decimals(position(directions, (0, 0, index)))
            frame.PlanePositionSequence[0].ImagePositionPatient = place
            frames.append(frame)
        for group in frames if repeated else [shared]:
            group.PlaneOrientationSequence, group.PixelMeasuresSequence = [Dataset()], [Dataset()]
            cosines = decimals(directions[:, :2].T.ravel())
            group.PlaneOrientationSequence[0].ImageOrientationPatient = cosines
            group.PixelMeasuresSequence[0].PixelSpacing = [SPACING[1], SPACING[0]]
            group.PixelMeasuresSequence[0].SliceThickness = SPACING[2]
        image.SharedFunctionalGroupsSequence = [shared]
        image.PerFrameFunctionalGroupsSequence = frames
        return save(image, tmp_path, SLICES)

    return write


@pytest.fixture
def dciodvfy() -> Callable[[Path], list[str]]:
    """The errors that dciodvfy of dicom3tools finds in a file."""
    program = shutil.which("dciodvfy")
    if program is None:
        pytest.skip("dciodvfy is not installed (Debian and Ubuntu: apt-get install dicom3tools)")

    def errors(path: Path) -> list[str]:
        report = subprocess.run([program, str(path)], capture_output=True, text=True, check=False)
        lines = (report.stdout + report.stderr).splitlines()
        assert lines, "dciodvfy said nothing"
        return [line for line in lines if line.startswith("Error")]

    return errors
