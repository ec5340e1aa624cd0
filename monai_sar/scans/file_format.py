"""What format a file is in: its content says so, and its name only where the content says nothing."""

import gzip
import zlib
from pathlib import Path
from typing import Literal

from monai_sar.scans.dicom_header import is_dicom

__all__ = ["VOLUME_FORMATS", "FileFormat", "file_format", "header_of", "is_slice_image", "is_volume"]

FileFormat = Literal["nifti", "mgh", "nrrd", "metaimage", "image", "dicom"]
"""NIfTI-1, NIfTI-2 and Analyze 7.5; FreeSurfer; NRRD; MetaImage; PNG, JPEG, TIFF and BMP; DICOM."""

VOLUME_FORMATS: tuple[FileFormat, ...] = ("nifti", "mgh", "nrrd", "metaimage")
"""Those of volumes with a geometry of their own, but for DICOM."""

_BY_NAME: dict[str, FileFormat] = {
    ".nii": "nifti",
    ".nii.gz": "nifti",
    ".mgh": "mgh",
    ".mgz": "mgh",
    ".nrrd": "nrrd",
    ".nhdr": "nrrd",
    ".mha": "metaimage",
    ".mhd": "metaimage",
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"), "image"),
}
_HEADER_SUFFIXES = {".img": (".hdr",), **dict.fromkeys((".raw", ".zraw", ".bin"), (".mhd", ".nhdr"))}
"""What holds voxels alone -> how the name of the file ends that describes them."""

_IMAGE_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BMP_HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)
_MGH_TYPES = (0, 1, 3, 4, 10)
_HDR = (".hdr", ".hdr.gz")
_HEAD = 544  # a header of NIfTI-2


def file_format(path: Path) -> FileFormat | None:
    """Tell the format of a file, compressed with gzip or not; None for a folder and for what is no scan.

    A damaged file is of the format that its name says.
    """
    if not path.is_file():
        return None
    head = _head(path)
    by_content = _of_content(head)
    if by_content is None and head[:4] in (b"\x5c\x01\0\0", b"\0\0\x01\x5c") and path.name.lower().endswith(_HDR):
        return "nifti"  # Analyze 7.5 has the length of its header alone
    if by_content is None and is_dicom(path):
        return "dicom"
    name = path.name.lower()
    return by_content or next((kind for suffix, kind in _BY_NAME.items() if name.endswith(suffix)), None)


def is_volume(path: Path) -> bool:
    """Return whether a file is a volume with a geometry of its own, in another format than DICOM."""
    return file_format(path) in VOLUME_FORMATS


def is_slice_image(path: Path) -> bool:
    """Return whether a file is PNG, JPEG, TIFF or BMP."""
    return file_format(path) == "image"


def header_of(path: Path) -> Path | None:
    """The file that describes the voxels that are all that another file holds; None, if there is none beside it."""
    name = path.name.removesuffix(".gz")
    stem, dot, suffix = name.rpartition(".")
    ends = _HEADER_SUFFIXES.get(f"{dot}{suffix}".lower(), ())
    beside = [path.with_name(f"{stem}{end}{more}") for end in ends for more in ("", ".gz")]
    return next((header for header in beside if header.is_file()), None)


def _head(path: Path) -> bytes:
    with path.open("rb") as raw:
        head = raw.read(_HEAD)
        if head[:2] != b"\x1f\x8b":
            return head
        raw.seek(0)
        try:
            with gzip.GzipFile(fileobj=raw) as stream:
                return stream.read(_HEAD)
        except (OSError, EOFError, zlib.error):
            return b""


def _of_content(head: bytes) -> FileFormat | None:
    if head[128:132] == b"DICM":  # before it anything may stand, even the beginning of a TIFF
        return "dicom"
    if head[344:348] in (b"n+1\0", b"ni1\0") or head[4:8] in (b"n+2\0", b"ni2\0"):
        return "nifti"
    if head.startswith(b"NRRD000"):
        return "nrrd"
    if b"=" in head[:40] and head.split(b"=")[0].strip() in (b"ObjectType", b"NDims", b"Comment"):
        return "metaimage"
    if head.startswith(_IMAGE_MAGIC):
        return "image"
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "image"
    if head.startswith(b"\0\0\0\x01") and int.from_bytes(head[20:24]) in _MGH_TYPES and len(head) >= 284:
        return "mgh"
    return None
