"""Find the scans of a raw data set, each with its outline, wherever below the root they lie."""

import logging
import os
import re
from pathlib import Path
from typing import NamedTuple

from monai_sar.datasets.bmad_folder import DatasetError

__all__ = ["Pair", "find_pairs"]

_LOGGER = logging.getLogger(__name__)
_NAMED = 5


class Pair(NamedTuple):
    """A scan and its outline: the number that both names hold, and the two files."""

    number: str
    image: Path
    label: Path


def find_pairs(root: Path, *, image: str, label: str, example: str) -> list[Pair]:
    """Find pairs of files whose names hold the same number.

    A scan without an outline, as in a challenge's validation set, is left out, and the log says so.

    Args:
        root: where to look, in all folders.
        image: regular expression of the whole name of a scan; its one group is the number.
        label: the same for an outline.
        example: two such names, for errors.

    Returns:
        The pairs in the order of their numbers.

    Raises:
        DatasetError: the folder is missing or holds no pair, a number comes twice, or an outline has no scan.
    """
    if not root.is_dir():
        raise DatasetError(f"{root}: found no such folder; expected that of the raw data set. Check the path.")
    files = sorted(Path(folder, name) for folder, _, names in os.walk(root, followlinks=True) for name in names)
    images, labels = _by_number(files, image), _by_number(files, label)
    if lonely := [path for number, path in labels.items() if number not in images]:
        raise DatasetError(
            f"{root}: found {_some(lonely)} without the scan; expected pairs such as {example}. Copy the scans, or "
            "remove these files."
        )
    if not labels:
        raise DatasetError(
            f"{root}: found no pairs of files; expected some such as {example}, here or below. Check the path."
        )
    if bare := [path for number, path in images.items() if number not in labels]:
        _LOGGER.warning("%s: left out %s, which nobody outlined", root, _some(bare))
    return [Pair(number, images[number], labels[number]) for number in sorted(labels, key=int)]


def _by_number(files: list[Path], pattern: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in files:
        if match := re.fullmatch(pattern, path.name):
            other = found.setdefault(match[1], path)
            if other != path:
                raise DatasetError(
                    f"{path}: found the same scan as {other}; expected each once, because one scan may not be in "
                    "two splits. Remove one of them."
                )
    return found


def _some(paths: list[Path]) -> str:
    names = ", ".join(path.name for path in paths[:_NAMED])
    return f"{len(paths)} files ({names}{', ...' if len(paths) > _NAMED else ''})"
