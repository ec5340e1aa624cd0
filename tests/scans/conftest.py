"""Real DICOM files with random pixels, written by pydicom: a single-frame series, or one multi-frame object."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmwrite, uid
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence

SECRETS = ("SECRET", "19441231")  # of the patient's name, identifier and birth date; must never be printed

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
OBLIQUE = (0.9396926, 0.3420201, 0.0, -0.2961981, 0.8137977, 0.5)  # turned about z, then tilted 30 degrees

Edit = Callable[[FileDataset, int], None]


def _image(sop_class: uid.UID, modality: str, pixels: NDArray[np.generic], syntax: uid.UID) -> FileDataset:
    """A data set with everything but geometry; ``pixels`` are 12 bits in 16, ``[(frames,) rows, columns]``."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = uid.generate_uid()
    meta.TransferSyntaxUID = syntax if syntax in uid.UncompressedTransferSyntaxes else uid.ExplicitVRLittleEndian
    ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    ds.StudyInstanceUID, ds.FrameOfReferenceUID = uid.generate_uid(), uid.generate_uid()
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = "SECRET^NAME", "SECRET-ID", "19441231"
    ds.SeriesDescription, ds.StudyDescription = "SECRET series", "SECRET study"
    ds.Modality, ds.ImageType = modality, ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.Rows, ds.Columns = pixels.shape[-2:]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    order = ">u2" if syntax == uid.ExplicitVRBigEndian else "<u2"
    ds.PixelData = pixels.astype(order).tobytes()
    ds["PixelData"].VR = "OW"
    return ds


def _save(ds: FileDataset, path: Path, syntax: uid.UID) -> None:
    if syntax not in uid.UncompressedTransferSyntaxes:
        ds.compress(syntax, generate_instance_uid=False)
    dcmwrite(path, ds, enforce_file_format=True)


def _normal(orientation: tuple[float, ...]) -> NDArray[np.float64]:
    return np.cross(orientation[:3], orientation[3:])


def _text(values: NDArray[np.float64] | tuple[float, ...]) -> list[str]:
    return [f"{value:.7g}" for value in values]


@pytest.fixture
def write_series() -> Callable[..., NDArray[np.int64]]:
    """Write a single-frame series into ``folder`` and return its stored values ``[slices, rows, columns]``.

    File names have no extension, and their order is not that of the slices. ``edit(dataset, slice)`` changes a
    data set before it is compressed and saved.
    """

    def write(
        folder: Path,
        *,
        modality: str = "CT",
        shape: tuple[int, int, int] = (5, 8, 10),
        spacing: tuple[float, float, float] = (3.0, 0.7, 0.9),
        orientation: tuple[float, ...] = AXIAL,
        origin: tuple[float, float, float] = (-40.0, 25.0, 110.0),
        syntax: uid.UID = uid.ExplicitVRLittleEndian,
        number: int = 1,
        edit: Edit = lambda ds, index: None,
    ) -> NDArray[np.int64]:
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 4096, shape)
        sop_class = {"CT": uid.CTImageStorage, "MR": uid.MRImageStorage}[modality]
        series = uid.generate_uid()
        for index, slice_pixels in enumerate(pixels):
            ds = _image(sop_class, modality, slice_pixels, syntax)
            ds.SeriesInstanceUID, ds.SeriesNumber, ds.InstanceNumber = series, number, index + 1
            ds.ImageOrientationPatient = _text(orientation)
            ds.ImagePositionPatient = _text(origin + index * spacing[0] * _normal(orientation))
            ds.PixelSpacing, ds.SliceThickness = _text(spacing[1:]), str(spacing[0])
            ds.RescaleSlope, ds.RescaleIntercept = ("2", "-1024") if modality == "CT" else ("1", "0")
            edit(ds, index)
            _save(ds, folder / f"{number}{(index * 3 + 2) % 7}{index}", syntax)
        return pixels

    return write


@pytest.fixture
def write_multi_frame() -> Callable[..., NDArray[np.int64]]:
    """Write one multi-frame object and return its stored values ``[frames, rows, columns]``.

    Frames lie in reverse order of position, orientation is shared, position and rescale slope are per frame.
    ``edit(dataset, 0)`` changes the data set before it is compressed and saved.
    """

    def write(
        path: Path,
        *,
        modality: str = "MR",
        shape: tuple[int, int, int] = (4, 8, 10),
        spacing: tuple[float, float, float] = (2.0, 0.7, 0.9),
        orientation: tuple[float, ...] = OBLIQUE,
        origin: tuple[float, float, float] = (-40.0, 25.0, 110.0),
        syntax: uid.UID = uid.ExplicitVRLittleEndian,
        edit: Edit = lambda ds, index: None,
    ) -> NDArray[np.int64]:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(7).integers(0, 4096, shape)
        sop_class = {
            "CT": uid.EnhancedCTImageStorage,
            "MR": uid.EnhancedMRImageStorage,
            "OPT": uid.OphthalmicTomographyImageStorage,
        }[modality]
        ds = _image(sop_class, modality, pixels, syntax)
        ds.SeriesInstanceUID, ds.SeriesNumber, ds.NumberOfFrames = uid.generate_uid(), 1, shape[0]
        measures, plane, shared = Dataset(), Dataset(), Dataset()
        measures.PixelSpacing, measures.SliceThickness = _text(spacing[1:]), str(spacing[0])
        plane.ImageOrientationPatient = _text(orientation)
        shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Sequence([measures]), Sequence([plane])
        ds.SharedFunctionalGroupsSequence = Sequence([shared])
        groups = []
        for index in reversed(range(shape[0])):
            group, position, transform = Dataset(), Dataset(), Dataset()
            position.ImagePositionPatient = _text(origin + index * spacing[0] * _normal(orientation))
            transform.RescaleSlope, transform.RescaleIntercept = str(1 + index), "-5"
            group.PlanePositionSequence = Sequence([position])
            group.PixelValueTransformationSequence = Sequence([transform])
            groups.append(group)
        ds.PerFrameFunctionalGroupsSequence = Sequence(groups)
        edit(ds, 0)
        _save(ds, path, syntax)
        return pixels

    return write


@pytest.fixture
def to_jpeg_lossless() -> Callable[[Path], None]:
    """Compress a DICOM file in place with GDCM: pydicom has no encoder for JPEG lossless."""
    gdcm = pytest.importorskip("gdcm")

    def compress(path: Path) -> None:
        reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
        reader.SetFileName(str(path))
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer.SetFileName(str(path))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()

    return compress


@pytest.fixture
def assert_no_secret() -> Callable[[str], None]:
    """Fail if a text holds the name, identifier or birth date of the patient."""

    def check(text: str) -> None:
        assert not [secret for secret in SECRETS if secret in text]

    return check
