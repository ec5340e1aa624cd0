"""Slices of a phantom as PNG in the folders of a BMAD data set."""

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from monai_sar._atomic import atomic_path
from monai_sar.phantoms.domain import Pixels

__all__ = ["write_bmad_slices"]

MIN_LESION_PIXELS = 16  # a slice that shows less of a lesion is neither normal nor abnormal
MIN_SHOWN = 0.01  # share of pixels above 0: a cut-out that shows less of its organ teaches nothing


def write_bmad_slices(
    pixels: Pixels,
    mask: NDArray[np.bool_],
    root: Path,
    *,
    split: Literal["train", "valid", "test"],
    subject: int,
    count: int,
) -> None:
    """Write up to ``count`` slices of a subject, evenly spread over those that show something.

    Of a subject with a lesion only slices that show it are written, to ``Ungood``: its other slices are no
    examples of what is normal.

    Args:
        pixels: the subject's slices as they are to be stored, ``[H, W, D]``.
        mask: its lesion, the same shape; all false in a normal subject.
        root: the folder that holds ``train``, ``valid`` and ``test``.
        split: where the subject belongs.
        subject: its number, for the file names ``phantom_SSSS_sKK.png``.
        count: the most slices to write, evenly spread over those that qualify.
    """
    area = mask.sum(axis=(0, 1))
    if area.any():
        qualified = np.flatnonzero(area >= min(MIN_LESION_PIXELS, area.max()))
    else:
        qualified = np.flatnonzero((pixels > 0).mean(axis=(0, 1)) >= MIN_SHOWN)
    spread = np.linspace(0, len(qualified) - 1, min(count, len(qualified)))

    folder = root / split / ("Ungood" if area.any() else "good")
    for k in qualified[np.round(spread).astype(int)]:
        name = f"phantom_{subject:04d}_s{k:02d}.png"
        if split == "train":
            _write_png(folder / name, pixels[:, :, k])
        else:
            _write_png(folder / "img" / name, pixels[:, :, k])
            _write_png(folder / "label" / name, mask[:, :, k].astype(np.uint8) * np.uint8(255))


def _write_png(path: Path, pixels: Pixels) -> None:
    with atomic_path(path) as temporary:
        Image.fromarray(pixels).save(temporary)
