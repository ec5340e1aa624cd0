"""Know whether a folder holds a finished data set of given settings, an unfinished one, or something else."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_sar._atomic import atomic_path

__all__ = ["FolderInUseError", "begin_data_set", "finish_data_set"]

FINISHED = "phantoms.json"
UNFINISHED = ".phantoms-unfinished.json"


class FolderInUseError(FileExistsError):
    """The folder holds something else: choose another one, or delete it."""


def begin_data_set(root: Path, settings: Mapping[str, Any], *, names: tuple[str, ...]) -> bool:
    """Claim a folder for a data set, unless the same one is finished there.

    Args:
        root: the folder; created if it is missing.
        settings: what makes the data set what it is, as JSON would hold it.
        names: files and folders that will be written in it.

    Returns:
        True if the data set is to be written, False if it is there.

    Raises:
        FolderInUseError: the folder holds a data set of other settings, or one of ``names`` from elsewhere.
    """
    for marker in (root / FINISHED, root / UNFINISHED):
        if not marker.is_file():
            continue
        differences = _differences(_read(marker), settings)
        if differences:
            raise FolderInUseError(
                f"{root} holds phantoms of other settings ({'; '.join(differences)}). "
                "Choose another folder or delete this one."
            )
        if marker.name == FINISHED:
            return False
        for name in names:  # a killed run may have left half a file under a temporary name
            for partial in (root / name).rglob(".partial-*"):
                partial.unlink(missing_ok=True)
        return True
    found = [name for name in names if (root / name).exists()]
    if found:
        raise FolderInUseError(
            f"{root} holds {' and '.join(found)}, which no phantoms were written to (there is no {FINISHED}). "
            "Choose another folder or delete this one."
        )
    _write(root / UNFINISHED, settings)
    return True


def finish_data_set(root: Path, settings: Mapping[str, Any]) -> None:
    """Mark the data set as finished. To be called when all else is written."""
    _write(root / FINISHED, settings)
    (root / UNFINISHED).unlink(missing_ok=True)


def _differences(there: object, wanted: Mapping[str, Any]) -> list[str]:
    if not isinstance(there, dict):
        return ["its marker cannot be read"]
    keys = [key for key in {**wanted, **there} if there.get(key) != wanted.get(key)]
    return [f"{key} is {there.get(key)}, asked for {wanted.get(key)}" for key in keys]


def _read(marker: Path) -> object:
    try:
        return json.loads(marker.read_text(encoding="utf-8"))
    except ValueError:
        return None


def _write(marker: Path, settings: Mapping[str, Any]) -> None:
    with atomic_path(marker) as temporary:
        temporary.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
