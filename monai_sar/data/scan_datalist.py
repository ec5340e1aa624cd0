"""Scans on disk -> a list of dictionaries."""

import os
from pathlib import Path
from typing import NotRequired, TypedDict

from monai_sar.data.scans import ScanError, find_scans

__all__ = ["ScanItem", "load_scan_datalist"]


class ScanItem(TypedDict):
    """One scan and, where it is known, the volume that outlines its lesions."""

    image: str
    lesion: NotRequired[str]


def load_scan_datalist(
    path: str | os.PathLike[str], *, image_suffix: str | None = None, lesion_suffix: str | None = None
) -> list[ScanItem]:
    """List the scans at a path, each with the volume that outlines its lesions if there is one.

    Args:
        path: a scan, a folder that is searched with its sub-folders, or a ``.txt`` list of paths; see
            :func:`monai_sar.data.scans.find_scans`.
        image_suffix: take only files whose name ends so, such as ``_flair.nii.gz``; None takes all scans.
        lesion_suffix: what replaces ``image_suffix`` in the name of the outline, such as ``_seg.nii.gz``. Without an
            ``image_suffix`` it replaces ``.nii.gz``. Outlines are no scans.

    Raises:
        ScanError: there is nothing at ``path``, or no such scan.
    """
    scans = find_scans([path])
    if lesion_suffix is not None and Path(path).is_dir():
        scans = [scan for scan in scans if not scan.name.endswith(lesion_suffix)]
    if image_suffix is not None:
        found = len(scans)
        scans = [scan for scan in scans if scan.name.endswith(image_suffix)]
        if not scans:
            raise ScanError(f"{path}: holds {found} scans, but none whose name ends in '{image_suffix}'.")
    return [_item(scan, image_suffix or ".nii.gz", lesion_suffix) for scan in scans]


def _item(scan: Path, image_suffix: str, lesion_suffix: str | None) -> ScanItem:
    item: ScanItem = {"image": str(scan)}
    if lesion_suffix is not None and scan.name.endswith(image_suffix):
        lesion = scan.with_name(scan.name.removesuffix(image_suffix) + lesion_suffix)
        if lesion.is_file():
            item["lesion"] = str(lesion)
    return item
