"""Which scans a command means, and whether their results can lie together in its output folder."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from monai_sar.results.write_result import file_result_name, is_result, lies_in
from monai_sar.scans import ScanError
from monai_sar.scans.dicom_header import is_dicom
from monai_sar.scans.file_format import is_slice_image, is_volume
from monai_sar.scans.find import search_scans, visible_files
from monai_sar.scans.scan_name import ends_with

__all__ = ["ToPredict", "scans_to_predict"]


class ToPredict(NamedTuple):
    """What a command means.

    Attributes:
        scans: that are to be predicted.
        named: those that were given themselves, or stand in a list, and were not just found in a folder.
        results: left out, because an earlier run wrote them.
        others: files in folders that are no scans.
        problems: what is wrong with the paths that lead to no scan.
    """

    scans: list[Path]
    named: set[Path]
    results: list[Path]
    others: list[Path]
    problems: list[ScanError]


def scans_to_predict(
    inputs: Sequence[Path],
    output: Path,
    *,
    stacks: bool,
    image_suffix: str | None = None,
    mask_suffixes: Sequence[str] = (),
) -> ToPredict:
    """Find scans, and make sure that no result would replace a scan or the result of another one.

    Args:
        inputs: see :func:`monai_sar.scans.find.find_scans`.
        output: folder of the results.
        stacks: take the images in a folder as the slices of one scan, unless they have several pages themselves.
        image_suffix: take only scans whose name ends so.
        mask_suffixes: how the names of masks end, which are no scans.

    Raises:
        ScanError: there is no scan at any path, one lies in the output folder, or two would have results of the same
            name.
    """
    search = search_scans(inputs)
    if not search.scans:
        raise search.problems[0]
    scans = [path for path in search.scans if not _is_result(path)]
    results = sorted(set(search.scans) - set(scans))
    others = [path for path in search.others if not is_result(path)]
    if not scans:
        raise ScanError(f"{inputs[0]}: holds no scans, only results such as {results[0]}; give scans.")
    folders = _stacks(scans) if stacks else []
    scans = sorted([scan for scan in scans if scan.parent not in folders] + folders)
    found = scans
    scans = [scan for scan in scans if ends_with(scan, image_suffix or "") and not ends_with(scan, *mask_suffixes)]
    if not scans:
        raise ScanError(
            f"{inputs[0]}: holds {len(found)} scans such as {found[0]}, but none is called '*{image_suffix}'."
        )
    names: dict[str, Path] = {}
    for scan in scans:
        if lies_in(scan, output):
            raise ScanError(f"{scan}: lies in the output folder, where a result could replace it; choose another one.")
        if is_volume(scan) or is_slice_image(scan) or scan in folders:  # DICOM is called by what is in it
            other = names.setdefault(file_result_name(scan), scan)
            if other != scan:
                raise ScanError(
                    f"{other} and {scan}: their results would both be called '{file_result_name(scan)}'; predict them "
                    "into different folders."
                )
    return ToPredict(scans, search.named, results, others, search.problems)


def _is_result(path: Path) -> bool:
    files = [file for file in visible_files(path) if is_dicom(file)] if path.is_dir() else [path]
    return all(map(is_result, files))


def _stacks(scans: Sequence[Path]) -> list[Path]:
    """The folders all of whose images are among the scans, and which hold no other scan directly."""
    members: dict[Path, list[Path]] = defaultdict(list)
    for scan in scans:
        members[scan if scan.is_dir() else scan.parent].append(scan)
    return [
        folder
        for folder, files in members.items()
        if len(files) > 1
        and all(is_slice_image(file) and _pages(file) == 1 for file in files)
        and len(files) == sum(map(is_slice_image, visible_files(folder)))
    ]


def _pages(image: Path) -> int:
    try:
        with Image.open(image) as opened:
            return getattr(opened, "n_frames", 1)
    except Exception:  # of a damaged file; it is told when it is read
        return 1
