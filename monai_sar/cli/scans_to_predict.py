"""Which scans a command means, and whether their results can lie together in its output folder."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from monai_sar.results.write_result import file_result_name, is_result, lies_in
from monai_sar.scans import ScanError, find_scans
from monai_sar.scans.dicom_header import is_dicom
from monai_sar.scans.find import visible_files
from monai_sar.scans.image_stack import is_slice_image
from monai_sar.scans.nifti import is_nifti

__all__ = ["scans_to_predict"]


def scans_to_predict(
    inputs: Sequence[Path],
    output: Path,
    *,
    stacks: bool,
    image_suffix: str | None = None,
    mask_suffixes: Sequence[str] = (),
) -> tuple[list[Path], list[Path]]:
    """Find scans, and make sure that no result would replace a scan or the result of another one.

    Args:
        inputs: see :func:`monai_sar.scans.find_scans`.
        output: folder of the results.
        stacks: take the images in a folder as the slices of one scan, unless they have several pages themselves.
        image_suffix: take only scans whose name ends so.
        mask_suffixes: how the names of masks end, which are no scans.

    Returns:
        The scans, and what was left out because an earlier run wrote it.

    Raises:
        ScanError: there is no scan, one lies in the output folder, or two would have results of the same name.
    """
    found = find_scans(inputs)
    scans = [path for path in found if not _is_result(path)]
    results = [path for path in found if path not in set(scans)]
    if not scans:
        raise ScanError(f"{inputs[0]}: holds no scans, only results such as {results[0]}; give scans.")
    folders = _stacks(scans) if stacks else []
    scans = sorted([scan for scan in scans if scan.parent not in folders] + folders)
    found = scans
    scans = [
        scan
        for scan in scans
        if scan.name.endswith(image_suffix or "") and not scan.name.endswith(tuple(mask_suffixes))
    ]
    if not scans:
        raise ScanError(
            f"{inputs[0]}: holds {len(found)} scans such as {found[0]}, but none is called '*{image_suffix}'."
        )
    names: dict[str, Path] = {}
    for scan in scans:
        if lies_in(scan, output):
            raise ScanError(f"{scan}: lies in the output folder, where a result could replace it; choose another one.")
        if is_nifti(scan) or is_slice_image(scan) or scan in folders:  # DICOM is called by what is in it
            other = names.setdefault(file_result_name(scan), scan)
            if other != scan:
                raise ScanError(
                    f"{other} and {scan}: their results would both be called '{file_result_name(scan)}'; predict them "
                    "into different folders."
                )
    return scans, results


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
