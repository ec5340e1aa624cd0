"""Files of ``torch.save`` whose bytes follow from what they hold, and whose damage is seen."""

import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from monai_sar._atomic import atomic_path

__all__ = ["DamagedFileError", "check_archive", "load_torch", "save_torch"]


class DamagedFileError(ValueError):
    """A file does not hold what was written to it."""


def save_torch(content: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write tensors and plain values, whole or not at all. The same content gives the same bytes."""
    stored = io.BytesIO()
    torch.save(content, stored)  # to a path it would write that path's random name into the file, too
    with atomic_path(path) as partial:
        partial.write_bytes(stored.getbuffer())  # torch.save answers a full disk with an error that does not say so


def load_torch(path: str | os.PathLike[str]) -> Any:
    """Read what :func:`save_torch` wrote, on the CPU, tensors and plain values only.

    PyTorch's reader compares no checksum, though its files are zip archives, which have one of every part. Here the
    parts are taken out, compared with theirs, and only then given to PyTorch.

    Raises:
        DamagedFileError: it is no such file, a part is not what was written, or parts are compressed.
        Exception: of PyTorch's, if it holds more than tensors and plain values.
    """
    checked = io.BytesIO()
    try:
        with zipfile.ZipFile(path) as stored, zipfile.ZipFile(checked, "w") as copy:
            _refuse_unusual(stored, Path(path))
            for part in stored.infolist():
                copy.writestr(part.filename, stored.read(part))
    except (zipfile.BadZipFile, EOFError, NotImplementedError, UnicodeDecodeError) as error:
        raise DamagedFileError(str(error)) from error
    checked.seek(0)
    return torch.load(checked, map_location="cpu", weights_only=True)


def check_archive(path: Path) -> None:
    """Compare every part of a zip archive with its checksum; a file of another kind has none.

    Raises:
        DamagedFileError: one differs.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as stored:
        if (part := stored.testzip()) is not None:
            raise DamagedFileError(f"the checksum of {part!r} differs")


def _refuse_unusual(stored: zipfile.ZipFile, path: Path) -> None:
    """Refuse what PyTorch does not write, and a harmful file may have: parts that grow, or come twice."""
    parts = stored.infolist()
    size = sum(part.file_size for part in parts)
    plain = all(part.compress_type == zipfile.ZIP_STORED for part in parts)
    if not plain or size > path.stat().st_size or len({part.filename for part in parts}) != len(parts):
        raise DamagedFileError("it is no file of PyTorch's")
