"""Write files whole or not at all."""

import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from monai_sar._full_disk import full_disk_named

if sys.platform != "win32":
    import fcntl

__all__ = ["atomic_path", "remove_leftovers"]

_PREFIX = ".partial-"
_A_DAY = 24 * 60 * 60


@contextmanager
def atomic_path(destination: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside ``destination``; rename it there when the block ends without an error.

    A reader therefore never sees a half-written file, and a run that is killed leaves the old file (or none).
    The temporary name keeps every suffix of the destination, because writers choose a format by suffix. The file is
    locked as long as this process lives, by which :func:`remove_leftovers` tells it from one that was left behind.

    Args:
        destination: the final path. Its folder is created.

    Yields:
        A path in the same folder (a rename across file systems would not be atomic).

    Raises:
        FullDiskError: the file does not fit; the message names it and its disk.
    """
    destination = Path(destination)
    with full_disk_named(destination):
        destination.parent.mkdir(parents=True, exist_ok=True)
        _clear_once(destination.parent)
        descriptor, temporary = _locked_file(destination)
        try:
            yield temporary
            # mkstemp makes a private file; a result is as readable as the user's umask allows
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            temporary.replace(destination)
        finally:
            temporary.unlink(missing_ok=True)
            if sys.platform != "win32":
                os.close(descriptor)


def _locked_file(destination: Path) -> tuple[int, Path]:
    """Make a file beside the destination, and lock it.

    In the moment between the two it looks like one that was left behind. If another process has taken it for that,
    there is another.
    """
    while True:
        descriptor, name = tempfile.mkstemp(
            prefix=_PREFIX, suffix="".join(destination.suffixes) or ".tmp", dir=destination.parent
        )
        if sys.platform == "win32":
            os.close(descriptor)
            return descriptor, Path(name)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # it is about to be removed
            os.close(descriptor)
            continue
        except OSError:  # a file system without locks
            return descriptor, Path(name)
        if os.fstat(descriptor).st_nlink:
            return descriptor, Path(name)
        os.close(descriptor)


@cache
def _clear_once(folder: Path) -> None:
    """Whatever writes into a folder first removes what killed processes have left there."""
    remove_leftovers([folder])


def remove_leftovers(folders: Iterable[Path]) -> None:
    """Remove what processes that were killed have left half written in these folders, and nothing of living ones.

    Where files cannot be locked, what has not changed for a day counts as left behind.
    """
    for folder in folders:
        for path in folder.glob(f"{_PREFIX}*"):
            with suppress(OSError):  # it may only be read, or another process was faster
                _remove_if_left_behind(path)


def _remove_if_left_behind(path: Path) -> None:
    if sys.platform == "win32":
        _remove_if_old(path)
        return
    with path.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        except OSError:  # a file system without locks
            _remove_if_old(path)
            return
        path.unlink()  # while it is locked: whoever has only just made it sees that it is gone


def _remove_if_old(path: Path) -> None:
    if time.time() - path.stat().st_mtime > _A_DAY:
        path.unlink()
