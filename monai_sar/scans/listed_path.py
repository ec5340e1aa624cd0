r"""A path as somebody listed it in a file, and the path on this machine that it means.

Lists travel between systems: Windows writes ``\``, macOS spells an accented letter as two characters (NFD), people
write ``~`` and ``./``.
"""

import os
import unicodedata
from pathlib import Path, PurePosixPath

__all__ = ["listed_path", "path_key"]


def listed_path(text: str, base: Path) -> Path:
    r"""Return the path that a listed one means: that which exists, or else the one as listed.

    Args:
        text: absolute, with ``~``, or relative to ``base``; with ``/`` or ``\``; in any Unicode form.
        base: the folder of the list.
    """
    spellings = [
        unicodedata.normalize(form, spelling)
        for spelling in dict.fromkeys((text, text.replace("\\", "/")))
        for form in ("NFC", "NFD")
    ]
    # exactly as listed comes first: two files may differ in their Unicode form alone
    # out of a folder that is a link, the way up may be meant either way
    paths = [_join(spelling, root) for root in (base, base.resolve()) for spelling in (text, *spellings)]
    as_listed = Path(os.path.abspath(base / text))  # noqa: PTH100 (a link keeps its own name)
    return next((path for path in (as_listed, *paths) if _exists(path)), paths[0])


def path_key(text: str, base: Path) -> str:
    """Return what is the same for every spelling of a path below ``base``, whether or not it exists.

    Args:
        text: see :func:`listed_path`.
        base: the folder that the path lies in.

    Returns:
        The path relative to ``base``, with ``/``, in Unicode form NFC; absolute where it does not lie below.
    """
    path = _join(text.replace("\\", "/"), base)
    root = os.path.abspath(base)  # noqa: PTH100 (a link keeps its own name)
    inside = os.path.relpath(path, root) if path.is_relative_to(root) else os.fspath(path)
    return unicodedata.normalize("NFC", PurePosixPath(inside).as_posix())


def _join(text: str, base: Path) -> Path:
    try:
        path = Path(text).expanduser()
    except RuntimeError:  # a file may begin with ~, too
        path = Path(text)
    return Path(os.path.abspath(base / path))  # noqa: PTH100 (a link keeps its own name)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name too long, a folder that may not be read
        return False
