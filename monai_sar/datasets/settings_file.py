"""The settings that a data set was made with, kept in its folder as JSON."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_sar._atomic import atomic_path

__all__ = ["FolderInUseError", "settings_differences", "write_settings"]


class FolderInUseError(FileExistsError):
    """The folder holds something else: choose another one, or delete it."""


def settings_differences(file: Path, wanted: Mapping[str, Any]) -> list[str]:
    """Say in what the settings in a file differ from those asked for; empty if in nothing."""
    try:
        there: Any = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        there = None
    if not isinstance(there, dict):
        return [f"its {file.name} cannot be read"]
    keys = [key for key in {**wanted, **there} if there.get(key) != wanted.get(key)]
    return [f"{key} is {there.get(key)}, asked for {wanted.get(key)}" for key in keys]


def write_settings(file: Path, settings: Mapping[str, Any]) -> None:
    """Write settings, as JSON would hold them."""
    with atomic_path(file) as temporary:
        temporary.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
