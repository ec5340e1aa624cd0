"""Tell one set of images from another."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_sar._progress import progress_bar
from monai_sar.scans.find import visible_files

__all__ = ["images_digest"]


def images_digest(data: Sequence[Mapping[str, Any]]) -> str:
    """Name the scans of a data list by the content of their files and masks and by their order, wherever they lie.

    Args:
        data: items with the path of a scan under ``image`` (a file, or the folder of a series), and perhaps of masks
            under ``label`` and ``region``.

    Returns:
        Such as ``"7500 scans, SHA-256 0f3a9b..."``.
    """
    digest = hashlib.sha256()
    for item in progress_bar(data, task="Reading files", unit="scan"):
        for key in ("image", "label", "region"):
            for path in _files(item.get(key)):
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
    return f"{len(data)} scans, SHA-256 {digest.hexdigest()[:32]}"


def _files(path: str | None) -> list[Path]:
    if path is None:
        return []
    return visible_files(Path(path)) if Path(path).is_dir() else [Path(path)]
