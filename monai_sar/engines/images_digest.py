"""Tell one set of images from another."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_sar._progress import progress_bar

__all__ = ["images_digest"]


def images_digest(data: Sequence[Mapping[str, Any]]) -> str:
    """Name the images of a data list by their files' content and order, wherever they lie.

    Args:
        data: items with the path of a file under ``image``.

    Returns:
        Such as ``"7500 images, SHA-256 0f3a9b..."``.
    """
    digest = hashlib.sha256()
    for item in progress_bar(data, task="Reading image files", unit="image"):
        with Path(item["image"]).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return f"{len(data)} images, SHA-256 {digest.hexdigest()[:32]}"
