"""What a scan is called: the name of its file or folder, without the ending that tells the format."""

import os
import re
import unicodedata
from pathlib import Path

__all__ = ["ends_with", "scan_name"]

_ENDING = re.compile(r"\.(?:nii(?:\.gz)?|nrrd|nhdr|mh[ad]|mg[hz]|hdr|img|dcm|ima|png|jpe?g|tiff?|bmp)$", re.IGNORECASE)


def scan_name(path: str | os.PathLike[str]) -> str:
    """Return the name of a scan or a mask, by which the two pair.

    Only endings of known formats go: a series called by its UID, or an extensionless DICOM file, keeps its name.

    Example:
        >>> scan_name("a/case_07.nii.gz"), scan_name("slice_07.PNG"), scan_name("1.2.840.7")
        ('case_07', 'slice_07', '1.2.840.7')
    """
    return _ENDING.sub("", Path(path).name)


def ends_with(path: str | os.PathLike[str], *endings: str) -> bool:
    """Tell whether the name of a file ends in one of these, in whichever Unicode form either is spelled."""
    endings = tuple(unicodedata.normalize("NFC", ending) for ending in endings)
    return unicodedata.normalize("NFC", Path(path).name).endswith(endings)
