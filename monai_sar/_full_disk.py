"""Say which file did not fit on which disk."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["FullDiskError", "full_disk_named"]


class FullDiskError(OSError):
    """There is no room for a file: the message says for which, where, and what to do.

    Attributes:
        finding: the first sentence alone.
    """

    def __init__(self, finding: str, advice: str) -> None:
        super().__init__(f"{finding} {advice}")
        self.finding = finding


@contextmanager
def full_disk_named(path: Path) -> Iterator[None]:
    """Turn what the system says where a file does not fit into words that name it.

    Libraries may wrap the system's error, or answer it with one of their own.

    Args:
        path: that is being written.

    Raises:
        FullDiskError: its disk is full, its user's quota is used up, or the file is larger than it may be.
    """
    try:
        yield
    except FullDiskError:
        raise
    except Exception as error:
        explained = _explained(error, path)
        if explained is None:
            raise
        raise explained from error


def _explained(error: BaseException, path: Path) -> FullDiskError | None:
    deeper: BaseException | None = error
    while deeper is not None:
        code = deeper.errno if isinstance(deeper, OSError) else None
        if code == errno.ENOSPC:
            return FullDiskError(
                f"Cannot write '{path}': No space left on '{_disk(path)}', {_room(path)}.",
                "Free some there, or write to another disk.",
            )
        if code == errno.EDQUOT:
            return FullDiskError(
                f"Cannot write '{path}': Quota used up on '{_disk(path)}'.",
                "Remove files of yours there, or write to another disk.",
            )
        if code == errno.EFBIG:
            return FullDiskError(
                f"Cannot write '{path}': File too large for '{_disk(path)}', or for this process (ulimit -f).",
                "Raise the limit, or write to another disk.",
            )
        deeper = deeper.__cause__ or deeper.__context__
    return None


def _existing(path: Path) -> Path:
    return next(folder for folder in path.absolute().parents if folder.exists())


def _disk(path: Path) -> Path:
    """Where the disk of a file begins in the tree of folders."""
    folder = _existing(path).resolve()
    return next(place for place in (folder, *folder.parents) if os.path.ismount(place))


def _room(path: Path) -> str:
    usage = shutil.disk_usage(_existing(path))
    return f"where {usage.free / 2**20:.1f} of {usage.total / 2**20:.1f} MiB are free without it"
