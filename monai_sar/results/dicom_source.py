"""What a derived DICOM object takes from the images it was computed from."""

from collections.abc import Sequence
from copy import copy, deepcopy
from typing import Any

import highdicom as hd
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import generate_uid

from monai_sar._versions import __version__

__all__ = ["DicomSource"]

# type 2 in the Patient and General Study modules: must be there, may be empty (PS3.3 C.7.1.1, C.7.2.1)
IDENTITY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate",
    "StudyTime", "ReferringPhysicianName",
)  # fmt: skip
PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
PLACE = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
# direction cosines of one series differ by rounding at most
SAME_DIRECTION = 1e-4


class DicomSource:
    """The source images of one volume, in the order of its slices.

    highdicom reads the geometry and the references from copies without the patient, because it repeats names
    that it finds odd in warnings; the identity is put in place afterwards, value by value as in the source.

    Args:
        source_images: one single-frame instance per slice in the order of the Z axis, or one multi-frame
            instance with functional groups (Enhanced MR or CT, ophthalmic tomography), or for every slice the part of
            a concatenation that holds it.
        frame_numbers: for a multi-frame instance, the frames (from 1) in the order of the Z axis; by default
            all frames as stored. For parts of a concatenation the frame in the part of every slice.

    Raises:
        ValueError: no images, a mixture of series, or images that do not say where they lie.
    """

    def __init__(self, source_images: Sequence[Dataset], *, frame_numbers: Sequence[int] | None = None) -> None:
        if not source_images:
            raise ValueError("There is no source image. Give the DICOM instances that the scan was read from.")
        self.first = source_images[0]
        self.frame_numbers = frame_numbers
        self.parts: Sequence[Dataset] = ()
        blank = {id(image): _without_identity(image) for image in source_images}
        images = [blank[id(image)] for image in source_images]
        if _is_multi_frame(self.first):
            if len(images) > 1:
                _check_parts(source_images, frame_numbers)
                self.parts = source_images
            images = [_selected_frames(images, frame_numbers)]
            self.slices = int(images[0].NumberOfFrames)
        elif frame_numbers is not None:
            raise ValueError("Frame numbers were given, but the source images have one frame each.")
        else:
            _check_series(images)
            self.slices = len(images)
        self.images = images

    def frames(self, volume: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """A volume `[X, Y, Z]` (column, row, slice) as frames `[Z, rows, columns]` of the source's size."""
        expected = (int(self.first.Columns), int(self.first.Rows), self.slices)
        if volume.shape != expected:
            raise ValueError(
                f"The volume has shape {volume.shape}, the source images {expected} (columns, rows, slices)."
            )
        return np.ascontiguousarray(volume.transpose(2, 1, 0))

    def series(self, number: int, description: str) -> dict[str, Any]:
        """Arguments that every derived object has in common: a new series, made by this software.

        Args:
            number: 1 to 99; appended to the number of the source series.
            description: of the series, at most 64 characters.
        """
        # IS holds up to 2**31 - 1
        source_number = min(int(self.first.get("SeriesNumber") or 0), 20_000_000)
        return {
            "series_instance_uid": hd.UID(),
            "series_number": 100 * source_number + number,
            "series_description": description,
            "sop_instance_uid": hd.UID(),
            "instance_number": 1,
            "manufacturer": "MONAI-SAR",
            "manufacturer_model_name": "monai-sar",
            "software_versions": __version__,
            "device_serial_number": __version__,
            "specific_character_set": None,
        }

    def complete(self, derived: hd.SOPClass) -> None:
        """Put the patient, the study and the frame numbers of the source into a derived object."""
        if "SpecificCharacterSet" in self.first:
            derived.SpecificCharacterSet = self.first.SpecificCharacterSet
        derived.copy_patient_and_study_information(self.first)
        if self.first.get("BodyPartExamined"):
            derived.BodyPartExamined = self.first.BodyPartExamined
        # which eye: said of the image, because Segmentation does not admit it in the series
        laterality = self.first.get("Laterality") or self.first.get("ImageLaterality")
        if laterality:
            derived.ImageLaterality = laterality
        if self.frame_numbers is not None:
            for frame in derived.PerFrameFunctionalGroupsSequence:
                reference = frame.DerivationImageSequence[0].SourceImageSequence[0]
                index = reference.ReferencedFrameNumber - 1
                reference.ReferencedFrameNumber = self.frame_numbers[index]
                if self.parts:
                    reference.ReferencedSOPInstanceUID = self.parts[index].SOPInstanceUID
        if self.parts:
            (item,) = derived.ReferencedSeriesSequence[0].ReferencedInstanceSequence
            items = []
            for instance in dict.fromkeys(part.SOPInstanceUID for part in self.parts):
                items.append(deepcopy(item))
                items[-1].ReferencedSOPInstanceUID = instance
            derived.ReferencedSeriesSequence[0].ReferencedInstanceSequence = items


def _is_multi_frame(image: Dataset) -> bool:
    return "PerFrameFunctionalGroupsSequence" in image or int(image.get("NumberOfFrames") or 1) > 1


def _without_identity(image: Dataset) -> Dataset:
    blank = Dataset()
    # setting an attribute changes its element, and the elements belong to the caller
    blank.update({item.tag: copy(item) for item in image if item.keyword not in (*IDENTITY, *PIXELS)})
    for keyword in IDENTITY:
        setattr(blank, keyword, None)
    return blank


def _check_series(images: Sequence[Dataset]) -> None:
    if len({image.SeriesInstanceUID for image in images}) > 1:
        raise ValueError("The source images are of more than one series. Give those of one series.")
    first = images[0].get("ImageOrientationPatient")
    for image in images:
        _check_placed(all(image.get(keyword) for keyword in PLACE))
        if not np.allclose(image.ImageOrientationPatient, first, rtol=0, atol=SAME_DIRECTION):
            raise ValueError("The slices of the source series are not parallel.")
        # highdicom compares the text
        image.ImageOrientationPatient = first
        _add_frame_of_reference(image)
    if not images[0].get("SliceThickness"):
        # Segmentation must state it; where the source does not, the distance between slices stands in
        step = np.subtract(images[1].ImagePositionPatient, images[0].ImagePositionPatient) if images[1:] else None
        images[0].SliceThickness = None if step is None else float(f"{np.linalg.norm(step):.6g}")


def _add_frame_of_reference(image: Dataset) -> None:
    """Where an anonymiser dropped it: a series has one frame of reference (PS3.3 C.7.4.1), so one is made."""
    if not image.get("FrameOfReferenceUID"):
        image.FrameOfReferenceUID = generate_uid(entropy_srcs=[image.SeriesInstanceUID])


def _check_parts(images: Sequence[Dataset], frame_numbers: Sequence[int] | None) -> None:
    same = {image.get("ConcatenationUID") for image in images}
    if len(same) > 1 or None in same or frame_numbers is None or len(frame_numbers) != len(images):
        raise ValueError(
            f"{len(images)} multi-frame instances were given. Expected one, or for every slice the part of one "
            "concatenation that holds it, and the frame in it."
        )


def _selected_frames(images: Sequence[Dataset], frame_numbers: Sequence[int] | None) -> Dataset:
    """The one instance as if it held only these frames, in this order, and of them only the geometry.

    Of parts of a concatenation, one for every frame, the first as if it held them all.
    """
    image, own = images[0], [list(each.get("PerFrameFunctionalGroupsSequence") or []) for each in images]
    if frame_numbers is None:
        frame_numbers = range(1, len(own[0]) + 1)
    several = len(images) > 1
    frames, shareds = [], []
    for index, number in enumerate(frame_numbers):
        groups = own[index if several else 0]
        if not 1 <= number <= len(groups):
            raise ValueError(f"There is no frame {number}: the source image has frames 1 to {len(groups)}.")
        frames.append(groups[number - 1])
        shareds.append(next(iter(images[index if several else 0].get("SharedFunctionalGroupsSequence") or [Dataset()])))
    _check_placed(bool(frames))

    image.PerFrameFunctionalGroupsSequence = []
    for frame, shared in zip(frames, shareds, strict=True):
        place = Dataset()
        place.PlanePositionSequence = _functional_group("PlanePositionSequence", frame, shared)
        image.PerFrameFunctionalGroupsSequence.append(place)
    common = Dataset()
    for keyword in ("PlaneOrientationSequence", "PixelMeasuresSequence"):
        # some scanners repeat in every frame what holds for all of them
        groups = [_functional_group(keyword, frame, shared) for frame, shared in zip(frames, shareds, strict=True)]
        if any(group != groups[0] for group in groups):
            raise ValueError(f"The frames of the source image differ in {keyword}. Expected parallel slices.")
        setattr(common, keyword, groups[0])
    image.SharedFunctionalGroupsSequence = [common]
    image.NumberOfFrames = len(frames)
    _add_frame_of_reference(image)
    return image


def _functional_group(keyword: str, frame: Dataset, shared: Dataset) -> Items:
    group: Items = frame.get(keyword) or shared.get(keyword)
    _check_placed(bool(group))
    # highdicom adds to what it is given
    return deepcopy(group)


def _check_placed(has_place: bool) -> None:
    if not has_place:
        raise ValueError(
            "The source images do not say where their slices lie (position, orientation, pixel spacing), so "
            "what is derived from them cannot be placed in a PACS. Write NIfTI or PNG instead."
        )
