"""Find the scans in files, folders and lists of paths."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from monai_sar.scans.dicom_header import is_dicom
from monai_sar.scans.image_stack import is_slice_image
from monai_sar.scans.nifti import is_nifti
from monai_sar.scans.scan import ScanError

__all__ = ["find_scans", "visible_files"]


def find_scans(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Expand paths to scans, each of which :func:`monai_sar.scans.read_scan` takes.

    Args:
        paths: each is a NIfTI, DICOM or image file; a folder, searched with its subfolders; or a list of such
            paths, a ``.txt`` file with one path a line (relative to the list; blank lines and ``#`` lines are
            skipped).

    Returns:
        Every NIfTI file, every image file, and every folder that directly holds DICOM, sorted, without
        duplicates. A DICOM file given by itself stays a file.

    Raises:
        ScanError: for a path that does not exist or holds no scan.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        for scan in _expand(Path(path)):
            found.setdefault(scan.resolve(), scan)
    return sorted(found.values())


def visible_files(folder: Path) -> list[Path]:
    """Return the files directly in a folder, sorted, without hidden ones and the index of a DICOM medium."""
    files = (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return sorted(path for path in files if path.name != "DICOMDIR")


def _expand(path: Path) -> Iterator[Path]:
    if not path.exists():
        raise ScanError(f"{path}: does not exist; check the path.")
    if path.is_dir():
        scans = list(_in_folder(path))
        if not scans:
            raise ScanError(f"{path}: holds no NIfTI, DICOM, PNG, JPEG or TIFF file, nor do its subfolders.")
        yield from scans
    elif path.suffix.lower() == ".txt":
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip() and not line.startswith("#"):
                yield from _expand(path.parent / line.strip())
    elif is_nifti(path) or is_slice_image(path) or is_dicom(path):
        yield path
    else:
        raise ScanError(f"{path}: is not NIfTI, DICOM, PNG, JPEG or TIFF, nor a .txt list of paths.")


def _in_folder(folder: Path) -> Iterator[Path]:
    for parent, folders, _ in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        others = []
        for file in visible_files(Path(parent)):
            if is_nifti(file) or is_slice_image(file):
                yield file
            else:
                others.append(file)
        if any(is_dicom(file) for file in others):
            yield Path(parent)
