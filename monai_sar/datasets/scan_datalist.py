"""Scans on disk -> a list of dictionaries."""

import logging
import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import NotRequired, TypedDict

from monai_sar._progress import progress_bar
from monai_sar.datasets.patients import MANIFEST
from monai_sar.scans import ScanError
from monai_sar.scans.file_format import is_volume
from monai_sar.scans.find import search_scans
from monai_sar.scans.listed_path import listed_path
from monai_sar.scans.read_volume import seems_mask
from monai_sar.scans.scan_name import ends_with

__all__ = ["ScanItem", "load_scan_datalist", "scan_item"]

_NIFTI = ".nii.gz"
_logger = logging.getLogger(__name__)


class ScanItem(TypedDict):
    """One scan and, where there are such volumes, the outline of its lesions and the region to score."""

    image: str
    label: NotRequired[str]
    region: NotRequired[str]


def load_scan_datalist(
    path: str | os.PathLike[str],
    *,
    image_suffix: str | None = None,
    lesion_suffix: str | None = None,
    region_suffix: str | None = None,
) -> list[ScanItem]:
    """List the scans at a path, each with the masks that belong to it.

    What else lies in a folder is counted and one is named, in a warning of the log. Where no suffix says how scans are
    called, every volume that was found in a folder is read, with a bar on standard error: a mask is no scan.

    Args:
        path: a scan, a folder that is searched with its sub-folders, or a ``.txt`` list of paths; see
            :func:`monai_sar.scans.find_scans`.
        image_suffix: take only scans (files, or folders of a series) whose name ends so, such as ``_flair.nii.gz``;
            None takes all.
        lesion_suffix: what replaces ``image_suffix`` in the name of the outline of lesions, such as ``_seg.nii.gz``.
            Without an ``image_suffix`` it replaces ``.nii.gz``. Outlines are no scans.
        region_suffix: the same for masks of the region to score, such as ``_liver.nii.gz``.

    Raises:
        ScanError: there is nothing at ``path``, or no such scan, or a scan without the mask of its region; or what was
            found in a folder are masks.
    """
    search = search_scans([path])
    if search.problems:
        raise search.problems[0]
    if others := [file for file in search.others if file.name != MANIFEST]:
        _logger.warning("Left out %d files that are no scans, such as %r", len(others), str(others[0]))
    scans = search.scans
    masks = tuple(suffix for suffix in (lesion_suffix, region_suffix) if suffix is not None)
    if masks and Path(path).is_dir():
        scans = [scan for scan in scans if not ends_with(scan, *masks)]
    if image_suffix is not None:
        found = len(scans)
        scans = [scan for scan in scans if ends_with(scan, image_suffix)]
        if not scans:
            raise ScanError(f"{path}: holds {found} scans, but none whose name ends in '{image_suffix}'.")
    else:
        _refuse_masks([scan for scan in scans if scan not in search.named], path)
    return [
        scan_item(scan, image_suffix=image_suffix, lesion_suffix=lesion_suffix, region_suffix=region_suffix)
        for scan in scans
    ]


def scan_item(
    scan: str | os.PathLike[str],
    *,
    image_suffix: str | None = None,
    lesion_suffix: str | None = None,
    region_suffix: str | None = None,
) -> ScanItem:
    """One scan with the masks that lie beside it.

    Args:
        scan: a file, or the folder of a series.
        image_suffix: as in :func:`load_scan_datalist`.
        lesion_suffix: likewise; a scan may have no outline.
        region_suffix: likewise.

    Raises:
        ScanError: there is no mask of the region where one is to be. To score the whole body of some scans and the
            liver of others would give scores that cannot be compared.
    """
    path = Path(scan)
    item: ScanItem = {"image": os.fspath(scan)}
    lesion = _beside(path, image_suffix, lesion_suffix)
    if lesion is not None and lesion.exists():
        item["label"] = str(lesion)
    region = _beside(path, image_suffix, region_suffix)
    if region is not None and region.exists():
        item["region"] = str(region)
    elif region_suffix is not None:
        expected = region or f"a name that ends in '{image_suffix or _NIFTI}', to put '{region_suffix}' in its place"
        raise ScanError(f"{path}: has no mask of the region to score: expected {expected}. Add it, or give no suffix.")
    return item


def _refuse_masks(found: Sequence[Path], path: str | os.PathLike[str]) -> None:
    volumes = [scan for scan in found if is_volume(scan)]
    masks = [scan for scan in progress_bar(volumes, task="Looking for masks", unit="volume") if seems_mask(scan)]
    if masks:
        raise ScanError(
            f"{path}: {len(masks)} of the {len(found)} scans that were found there have two values or one, as masks "
            f"have: {', '.join(map(str, masks[:3]))}{', ...' if len(masks) > 3 else ''}. Say how masks are called "
            "(lesion suffix, region suffix), or how scans are (image suffix)."
        )


def _beside(scan: Path, image_suffix: str | None, mask_suffix: str | None) -> Path | None:
    """Where a mask of a scan lies, if it has one; a scan of another name has none."""
    path = Path(os.path.abspath(scan))  # noqa: PTH100 (a link keeps its own name)
    name, ending = (unicodedata.normalize("NFC", text) for text in (path.name, image_suffix or _NIFTI))
    if mask_suffix is None or not name.endswith(ending):
        return None
    return listed_path(f"{name.removesuffix(ending)}{mask_suffix}", path.parent)
