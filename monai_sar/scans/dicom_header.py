"""Read what a DICOM file says about its image, without its pixels and without who the patient is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread, uid
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag, Tag

from monai_sar.scans.scan import ScanError, reading

__all__ = [
    "IMAGES_IN_MOSAIC",
    "SIEMENS_BLOCK",
    "DicomFile",
    "identity",
    "is_dicom",
    "numbers",
    "reaches_pixels",
    "read_dataset",
    "read_header",
    "read_instances",
    "valid_uid",
]

_IMAGE_KEYWORDS = [
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "Modality", "ImageType",
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "PixelPresentation",
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness",
    "SpacingBetweenSlices", "RescaleSlope", "RescaleIntercept", "LossyImageCompression",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    "ConcatenationUID", "InConcatenationNumber", "InConcatenationTotalNumber", "ConcatenationFrameOffsetNumber",
]  # fmt: skip
"""All that is ever read of a header: nothing that names the patient."""

_SPARE_KEYWORDS = {"SliceThickness", "SpacingBetweenSlices", "SeriesNumber"}
"""Of these, what can be done without: a malformed one (such as "4 mm") is left out."""

SIEMENS_BLOCK, IMAGES_IN_MOSAIC = 0x00190010, 0x0019100A
"""Private Creator, and Number Of Images In Mosaic of the block "SIEMENS MR HEADER"."""

_FIRST_TAGS = {b"\x02\0\0\0", b"\x08\0\0\0", b"\x08\0\x01\0", b"\x08\0\x05\0", b"\x08\0\x08\0"}
"""With which of (0002,0000), (0008,0000), (0008,0001), (0008,0005), (0008,0008) a bare data set begins."""

_MODALITIES = {
    "CR", "CT", "DX", "ES", "GM", "IVOCT", "IVUS", "MG", "MR", "NM", "OAM", "OCT", "OP", "OPM", "OPT", "OPTBSV",
    "OPTENF", "OPV", "OT", "PT", "PX", "RF", "RTDOSE", "RTIMAGE", "SC", "SEG", "SM", "SMR", "US", "XA", "XC",
}  # fmt: skip
"""Modalities (0008,0060) of images, PS3.3 C.7.3.1.1.1."""


@dataclass(frozen=True)
class DicomFile:
    """A DICOM file and the part of its header that describes the image.

    Attributes:
        path: the file.
        header: its elements that describe the image.
        sop_class: what kind of object it is (SOP Class UID).
        frames: number of frames; 1 where the file does not say.
        size: rows, columns; 0, 0 in an object without an image.
        malformed: keywords of elements that were left out because they do not hold what DICOM asks for.
    """

    path: Path
    header: Dataset
    sop_class: uid.UID
    frames: int
    size: tuple[int, int]
    malformed: tuple[str, ...] = ()

    @property
    def series_uid(self) -> str:
        """Series Instance UID; empty where it is missing."""
        return str(self.header.get("SeriesInstanceUID") or "")

    @property
    def modality(self) -> str | None:
        """Modality code; None where the file does not say, "OT" (other) for a text that is none of DICOM's codes."""
        code = str(self.header.get("Modality") or "")
        return code if code in _MODALITIES else "OT" if code else None

    @property
    def is_concatenated(self) -> bool:
        """Whether this is one of several instances that are one image together (PS3.3 C.7.6.16.2.2.4)."""
        return "ConcatenationUID" in self.header and self.header.get("InConcatenationTotalNumber") != 1

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


def valid_uid(text: str) -> str:
    """Return a UID as it may be printed; "(invalid)" for a text that is no UID (PS3.5 9.1), "(none)" for none."""
    return "(none)" if not text else text if uid.UID(text).is_valid else "(invalid)"


def read_dataset(path: Path, keywords: list[str], *, stop_before_pixels: bool = False) -> FileDataset:
    """Read the named elements of a DICOM file.

    Raises:
        ScanError: if the file ends early or is not what its beginning promised.
    """
    return _read(path, keywords, set(keywords), stop_before_pixels=stop_before_pixels)[0]


def read_instances(paths: Sequence[Path]) -> list[FileDataset]:
    """Read all of DICOM files but their pixels: every file that :func:`read_header` reads, bare data sets too.

    Malformed elements that no reader needs are left out.

    Args:
        paths: of the files; one that comes several times is read once.

    Raises:
        ScanError: as :func:`read_header`.
    """
    needed = set(_IMAGE_KEYWORDS) - _SPARE_KEYWORDS
    read = {path: _read(path, None, needed, stop_before_pixels=True)[0] for path in dict.fromkeys(paths)}
    return [read[path] for path in paths]


def read_header(path: Path) -> DicomFile:
    """Read the image part of a DICOM header.

    Raises:
        ScanError: if the header is damaged or ends before the image is described.
    """
    tags: list[str | int] = [*_IMAGE_KEYWORDS, SIEMENS_BLOCK, IMAGES_IN_MOSAIC]
    needed = set(_IMAGE_KEYWORDS) - _SPARE_KEYWORDS
    dataset, malformed = _read(path, tags, needed, stop_before_pixels=True)
    with reading(path, "DICOM"):
        sop_class = uid.UID(str(dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID") or ""))
        frames = int(dataset.get("NumberOfFrames") or 1)
        size = int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)
        length = path.stat().st_size
    if not 1 <= frames <= length:
        raise ScanError(
            f"{path}: says that it has {frames} frames in {length} bytes, expected 1 or more and no more than fit; "
            "mend the header or export the scan again."
        )
    known = sop_class.name != sop_class  # or its text would be told
    if known and sop_class.name.endswith("Image Storage") and 0 in size:
        found = (
            "though it has pixel data; export it again with its whole header"
            if reaches_pixels(path)
            else "and the file no pixel data; it is a header alone or truncated, so copy or export it again"
        )
        raise ScanError(f"{path}: is declared as {sop_class.name} but its header has no Rows or Columns, {found}.")
    return DicomFile(path, dataset, sop_class, frames, size, malformed)


def reaches_pixels(path: Path) -> bool:
    """Return whether the element of the pixel data begins in a file, whole or not."""
    reached = False

    def at_pixels(tag: BaseTag, _vr: str | None, _length: int) -> bool:
        nonlocal reached
        reached = reached or tag.group == 0x7FE0
        return reached

    with reading(path, "DICOM"), path.open("rb") as stream:
        read_partial(stream, stop_when=at_pixels, force=True, specific_tags=[SIEMENS_BLOCK])
    return reached


def identity(path: Path) -> tuple[str, str]:
    """Return Series and SOP Instance UID of a DICOM file, reading no further; empty where they cannot be read."""

    def beyond(tag: BaseTag, _vr: str | None, _length: int) -> bool:
        return bool(tag > 0x0020000E)

    try:
        with reading(path, "DICOM"), path.open("rb") as stream:
            dataset = read_partial(stream, stop_when=beyond, force=True, specific_tags=[0x00080018, 0x0020000E])
            return str(dataset.get("SeriesInstanceUID") or ""), str(dataset.get("SOPInstanceUID") or "")
    except ScanError:
        return "", ""


def _read(
    path: Path, tags: Sequence[str | int] | None, needed: set[str], *, stop_before_pixels: bool
) -> tuple[FileDataset, tuple[str, ...]]:
    """Read elements (None: all), and leave out malformed ones that are not needed; return their keywords too."""
    malformed = []
    with reading(path, "DICOM"):
        dataset = dcmread(
            path,
            force=True,
            specific_tags=None if tags is None else [Tag(tag) for tag in tags],
            stop_before_pixels=stop_before_pixels,
        )
        list(dataset.file_meta)
        for tag in list(dataset.keys()):  # converts every value now, so that a malformed one is told here
            keyword = keyword_for_tag(tag)
            try:
                _check_nesting(dataset[tag], keyword)
                is_malformed = _is_text_for_a_number(dataset[tag])
            except Exception:
                if keyword in needed:
                    raise
                is_malformed = True
            if is_malformed and keyword not in needed:
                malformed.append(keyword)
                del dataset[tag]
        if "TransferSyntaxUID" not in dataset.file_meta:  # a bare data set: uncompressed
            implicit, _ = dataset.original_encoding
            syntax = uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian
            dataset.file_meta.TransferSyntaxUID = syntax
    return dataset, tuple(malformed)


def _check_nesting(element: DataElement, keyword: str) -> None:
    """Refuse a value in the place of a sequence, and the other way round; other wrong kinds of values are read.

    Raises:
        ValueError: it is one of them.
    """
    if keyword and (element.VR == "SQ") != (dictionary_VR(element.tag) == "SQ"):
        raise ValueError("a sequence and a value in each other's place")


def _is_text_for_a_number(element: DataElement) -> bool:
    """Return whether pydicom kept the text of a decimal or integer string because it is no number."""
    values = element.value if isinstance(element.value, Sequence) else [element.value]
    return element.VR in ("DS", "IS") and any(isinstance(value, str) and value for value in values)


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
