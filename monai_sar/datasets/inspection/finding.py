"""One thing that is worth saying about a data set."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["SEVERITIES", "Finding", "Severity", "about", "named", "relative", "some"]

Severity = Literal["error", "warning", "note"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""An error makes training fail or figures wrong; a warning may; a note is good to know."""

_NAMED = 5  # a message names so many and counts the rest


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes:
        severity: "error", "warning" or "note".
        code: what kind of finding, one word with dashes; does not change between versions.
        message: what was found, what was expected, what to do.
        files: all files that it is about, relative to the root with ``/``.
    """

    severity: Severity
    code: str
    message: str
    files: tuple[str, ...] = ()


def some(names: Iterable[str]) -> str:
    """Count the names and say the first of them."""
    names = list(names)
    return f"{len(names)} ({', '.join(names[:_NAMED])}{', ...' if len(names) > _NAMED else ''})"


def named(file: Path, root: Path) -> str:
    """A path below the root relative to it; a datalist may name files elsewhere."""
    return (file.relative_to(root) if file.is_relative_to(root) else file).as_posix()


def relative(files: Iterable[Path], root: Path) -> tuple[str, ...]:
    """Return the paths as a finding lists them."""
    return tuple(named(file, root) for file in files)


def about(files: Iterable[Path], root: Path, severity: Severity, code: str, text: str) -> list[Finding]:
    """Make a finding about files; none if there are no files.

    Args:
        files: all of them.
        root: the folder of the data set.
        severity: see :class:`Finding`.
        code: see :class:`Finding`.
        text: the message, with FILES where their number and the first names belong.
    """
    names = relative(files, root)
    if not names:
        return []
    # once, because what follows may quote the name of a file
    return [Finding(severity, code, text.replace("FILES", some(names), 1), names)]
