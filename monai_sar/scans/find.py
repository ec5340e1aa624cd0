"""Find the scans in files, folders and lists of paths."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from monai_sar.scans.file_format import file_format, header_of
from monai_sar.scans.listed_path import listed_path
from monai_sar.scans.scan import ScanError
from monai_sar.scans.text_file import read_text

__all__ = ["FORMATS", "FoundScans", "find_scans", "search_scans", "visible_files"]

FORMATS = "NIfTI, DICOM, NRRD, MetaImage, MGH, PNG, JPEG, TIFF or BMP"


@dataclass
class FoundScans:
    """What lies at some paths.

    Attributes:
        scans: sorted, without duplicates; each is a path that :func:`monai_sar.scans.read_scan` takes.
        named: those of them that were given themselves, or stand in a list.
        others: files in folders that are no scans.
        problems: what is wrong with the paths that lead to no scan.
    """

    scans: list[Path] = field(default_factory=list)
    named: set[Path] = field(default_factory=set)
    others: list[Path] = field(default_factory=list)
    problems: list[ScanError] = field(default_factory=list)


def find_scans(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Expand paths to scans, each of which :func:`monai_sar.scans.read_scan` takes.

    Args:
        paths: each is a file of a scan; a folder, searched with its subfolders, links to folders among them; or a list
            of such paths, a ``.txt`` file with one path a line (relative to the list; blank lines and ``#`` lines are
            skipped).

    Returns:
        Every file of a volume, every image file, and every folder that directly holds DICOM, sorted, without
        duplicates. A DICOM file given by itself stays a file.

    Raises:
        ScanError: for a path that does not exist or holds no scan.
    """
    found = search_scans(paths)
    if found.problems:
        raise found.problems[0]
    return found.scans


def search_scans(paths: Iterable[str | os.PathLike[str]]) -> FoundScans:
    """Find the scans at paths as :func:`find_scans` does, and tell what else there is."""
    search = _Search()
    for path in paths:
        search.expand(Path(path))
    found = search.found
    found.scans = sorted(search.scans.values())
    found.named &= set(found.scans)
    return found


def visible_files(folder: Path) -> list[Path]:
    """Return the files directly in a folder, sorted, without hidden ones and the index of a DICOM medium."""
    files = (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return sorted(path for path in files if path.name != "DICOMDIR")


class _Search:
    def __init__(self) -> None:
        self.found = FoundScans()
        self.scans: dict[Path, Path] = {}
        self._lists: set[Path] = set()

    def expand(self, path: Path) -> None:
        try:
            self._expand(path)
        except ScanError as error:
            self.found.problems.append(error)
        except OSError as error:
            self.found.problems.append(ScanError(f"{path}: cannot be read ({error.strerror}); check the path."))

    def _expand(self, path: Path) -> None:
        if not path.exists():
            raise ScanError(f"{path}: does not exist; check the path.")
        if path.is_dir():
            self._expand_folder(path)
        elif file_format(path) is not None:
            self._add(path, named=True)
        elif path.suffix.lower() == ".txt":
            self._expand_list(path)
        elif (header := header_of(path)) is not None:
            self._add(header, named=True)
        else:
            raise ScanError(f"{path}: is not {FORMATS}, nor a .txt list of paths.")

    def _expand_list(self, path: Path) -> None:
        if path.resolve() in self._lists:
            raise ScanError(f"{path}: is named in itself, or in a list that it names; remove that line.")
        self._lists.add(path.resolve())
        for line in read_text(path).splitlines():
            if line.strip() and not line.startswith("#"):
                self.expand(listed_path(line.strip(), path.parent))
        self._lists.discard(path.resolve())

    def _expand_folder(self, folder: Path) -> None:
        before, seen = len(self.scans), set()
        found_here = False
        for parent, folders, _ in os.walk(folder, followlinks=True):
            if (real := os.path.realpath(parent)) in seen:  # a link that leads back
                folders.clear()
                continue
            seen.add(real)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            found_here |= self._look_at(Path(parent))
        if not found_here and len(self.scans) == before:
            raise ScanError(f"{folder}: holds no {FORMATS} file, nor do its subfolders.")

    def _look_at(self, folder: Path) -> bool:
        formats = {file: file_format(file) for file in visible_files(folder)}
        for file, kind in formats.items():
            if kind not in ("dicom", None):
                self._add(file)
        if "dicom" in formats.values():
            self._add(folder)
        self.found.others += [file for file, kind in formats.items() if kind is None and header_of(file) is None]
        return any(formats.values())

    def _add(self, path: Path, *, named: bool = False) -> None:
        kept = self.scans.setdefault(path.resolve(), path)
        if named:
            self.found.named.add(kept)
