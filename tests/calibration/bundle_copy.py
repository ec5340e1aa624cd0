"""The brain bundle in a folder of its own, as a user has it."""

import shutil
from pathlib import Path

from tests.conftest import BUNDLE

__all__ = ["copy_bundle"]


def copy_bundle(folder: Path) -> Path:
    """Copy the configs; returns the bundle."""
    bundle = folder / BUNDLE.name
    shutil.copytree(BUNDLE / "configs", bundle / "configs")
    return bundle
