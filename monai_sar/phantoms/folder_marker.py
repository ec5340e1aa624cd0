"""Know whether a folder holds a finished data set of given settings, an unfinished one, or something else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_sar.datasets.settings_file import FolderInUseError, settings_differences, write_settings

__all__ = ["begin_data_set", "finish_data_set"]

FINISHED = "phantoms.json"
UNFINISHED = ".phantoms-unfinished.json"


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
        differences = settings_differences(marker, settings)
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
    write_settings(root / UNFINISHED, settings)
    return True


def finish_data_set(root: Path, settings: Mapping[str, Any]) -> None:
    """Mark the data set as finished. To be called when all else is written."""
    write_settings(root / FINISHED, settings)
    (root / UNFINISHED).unlink(missing_ok=True)
