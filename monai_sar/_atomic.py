"""Write files whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["atomic_path"]


@contextmanager
def atomic_path(destination: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside ``destination``; rename it there when the block ends without an error.

    A reader therefore never sees a half-written file, and a run that is killed leaves the old file (or none).
    The temporary name keeps every suffix of the destination, because writers choose a format by suffix.

    Args:
        destination: the final path. Its folder is created.

    Yields:
        A path in the same folder (a rename across file systems would not be atomic).
    """
    destination = Path(destination)
    destination.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(
        prefix=".partial-", suffix="".join(destination.suffixes) or ".tmp", dir=destination.parent
    )
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes a private file; a result is as readable as the user's umask allows
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(destination)
    finally:
        temporary.unlink(missing_ok=True)
