"""Read what a DICOM file says about its image, without its pixels and without who the patient is."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread, uid
from pydicom.dataset import Dataset, FileDataset

from monai_sar.scans.scan import ScanError, reading

__all__ = ["DicomFile", "is_dicom", "numbers", "read_dataset", "read_header", "why_not_a_slice"]

_IMAGE_KEYWORDS = [
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "Modality", "ImageType",
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "PixelPresentation",
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness",
    "SpacingBetweenSlices", "RescaleSlope", "RescaleIntercept", "LossyImageCompression",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
]  # fmt: skip
"""All that is ever read of a header: nothing that names the patient."""

_FIRST_TAGS = {b"\x02\0\0\0", b"\x08\0\0\0", b"\x08\0\x01\0", b"\x08\0\x05\0", b"\x08\0\x08\0"}
"""With which of (0002,0000), (0008,0000), (0008,0001), (0008,0005), (0008,0008) a bare data set begins."""

_NOT_SCANS = {
    uid.SecondaryCaptureImageStorage: "secondary capture",
    uid.MultiFrameSingleBitSecondaryCaptureImageStorage: "secondary capture",
    uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage: "secondary capture",
    uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage: "secondary capture",
    uid.MultiFrameTrueColorSecondaryCaptureImageStorage: "secondary capture",
    uid.SegmentationStorage: "segmentation",
    uid.ParametricMapStorage: "parametric map",
    uid.RTDoseStorage: "radiotherapy dose",
    uid.MediaStorageDirectoryStorage: "DICOM directory",
}
"""SOP classes that are made from scans, or hold none (PS3.4 B.5)."""

_NOT_SLICES = {
    "LOCALIZER": "localizer",
    "SCREEN SAVE": "screen capture",
    "PROJECTION IMAGE": "projection",
    "MIP": "projection",
    "MAX_IP": "projection",
    "MIN_IP": "projection",
}
"""Values of Image Type (0008,0008) whose images are no slices of a volume."""


@dataclass(frozen=True)
class DicomFile:
    """A DICOM file and the part of its header that describes the image.

    Attributes:
        path: the file.
        header: its elements that describe the image.
        sop_class: what kind of object it is (SOP Class UID).
        frames: number of frames; 1 where the file does not say.
        size: rows, columns; 0, 0 in an object without an image.
    """

    path: Path
    header: Dataset
    sop_class: uid.UID
    frames: int
    size: tuple[int, int]

    @property
    def series_uid(self) -> str:
        """Series Instance UID; empty where it is missing."""
        return str(self.header.get("SeriesInstanceUID") or "")

    @property
    def is_multi_frame(self) -> bool:
        """Whether positions are looked up per frame (PS3.3 C.7.6.16) instead of in the header itself."""
        return (
            self.frames > 1
            or self.sop_class == uid.OphthalmicTomographyImageStorage
            or "SharedFunctionalGroupsSequence" in self.header
            or "PerFrameFunctionalGroupsSequence" in self.header
        )


def is_dicom(path: Path) -> bool:
    """Return whether the content is DICOM: the prefix of PS3.10, or a bare little-endian data set."""
    with path.open("rb") as stream:
        head = stream.read(132)
    return head[128:] == b"DICM" or head[:4] in _FIRST_TAGS


def read_dataset(path: Path, keywords: list[str], *, stop_before_pixels: bool = False) -> FileDataset:
    """Read the named elements of a DICOM file.

    Raises:
        ScanError: if the file ends early or is not what its beginning promised.
    """
    with reading(path, "DICOM"):
        dataset = dcmread(path, force=True, specific_tags=list(keywords), stop_before_pixels=stop_before_pixels)
        list(dataset), list(dataset.file_meta)  # converts every value now, so that a malformed one is told here
        if "TransferSyntaxUID" not in dataset.file_meta:  # a bare data set: uncompressed
            implicit, _ = dataset.original_encoding
            syntax = uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian
            dataset.file_meta.TransferSyntaxUID = syntax
    return dataset


def read_header(path: Path) -> DicomFile:
    """Read the image part of a DICOM header.

    Raises:
        ScanError: if the header is damaged or ends before the image is described.
    """
    dataset = read_dataset(path, _IMAGE_KEYWORDS, stop_before_pixels=True)
    with reading(path, "DICOM"):
        sop_class = uid.UID(str(dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID") or ""))
        frames = int(dataset.get("NumberOfFrames") or 1)
        size = int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)
    if sop_class.name.endswith("Image Storage") and 0 in size:
        raise ScanError(
            f"{path}: is declared as {sop_class.name} but its header has no Rows or Columns; "
            "the file is truncated, so copy or export it again."
        )
    return DicomFile(path, dataset, sop_class, frames, size)


def numbers(dataset: Dataset, keyword: str, count: int | None, path: Path) -> NDArray[np.float64] | None:
    """Return the numbers in an element, or None where it is absent or empty.

    Raises:
        ScanError: if they are not ``count`` finite numbers (None: any count).
    """
    try:
        value = dataset.get(keyword)
        array = np.asarray([] if value in (None, "") else value, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        array = np.array([np.nan])
    if array.size == 0:
        return None
    if not np.isfinite(array).all() or (count is not None and array.size != count):
        raise ScanError(
            f"{path}: its {keyword} is not {count or 'all'} finite number(s) as DICOM asks; "
            "mend the header or export the scan again."
        )
    return array


def why_not_a_slice(file: DicomFile) -> str | None:
    """Say what a DICOM object is if it cannot be a grey-scale slice (or frames) of a volume, else None."""
    header = file.header
    if file.sop_class in _NOT_SCANS:
        return _NOT_SCANS[file.sop_class]
    if 0 in file.size:
        return "object without an image"
    image_type = header.get("ImageType") or ()
    for value in [image_type] if isinstance(image_type, str) else image_type:
        if value in _NOT_SLICES:
            return _NOT_SLICES[value]
    photometric = str(header.get("PhotometricInterpretation", ""))
    if header.get("SamplesPerPixel", 1) != 1 or not photometric.startswith("MONOCHROME"):
        return f"colour image ({photometric})"
    if header.get("PixelPresentation", "MONOCHROME") in ("COLOR", "MIXED", "TRUE_COLOR"):
        return "colour-coded map (Pixel Presentation COLOR)"
    if not file.is_multi_frame and not (header.get("ImagePositionPatient") and header.get("ImageOrientationPatient")):
        return "image without a position in the patient"
    return None
