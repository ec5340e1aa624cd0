"""Write files whole or not at all."""

import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

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
    """
    destination = Path(destination)
    destination.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(
        prefix=_PREFIX, suffix="".join(destination.suffixes) or ".tmp", dir=destination.parent
    )
    temporary = Path(name)
    try:
        if sys.platform == "win32":
            os.close(descriptor)
        else:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
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


def remove_leftovers(folders: Iterable[Path]) -> None:
    """Remove what processes that were killed have left half written in these folders, and nothing of living ones.

    Where files cannot be locked, what has not changed for a day counts as left behind.
    """
    for folder in folders:
        for path in folder.glob(f"{_PREFIX}*"):
            with suppress(OSError):  # it may only be read, or another process was faster
                if _is_left_behind(path):
                    path.unlink()


def _is_left_behind(path: Path) -> bool:
    if sys.platform == "win32":
        return time.time() - path.stat().st_mtime > _A_DAY
    with path.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks
            return time.time() - path.stat().st_mtime > _A_DAY
    return True
