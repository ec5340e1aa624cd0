"""Slices of a phantom as 16-bit PNG in the folders of a BMAD data set."""

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from monai_sar._atomic import atomic_path
from monai_sar.data.phantoms.brain_mri import BrainPhantom

__all__ = ["write_bmad_slices"]

MIN_LESION_PIXELS = 16  # a slice that shows less of a lesion is neither normal nor abnormal


def write_bmad_slices(
    phantom: BrainPhantom, root: Path, *, split: Literal["train", "valid", "test"], subject: int, count: int
) -> None:
    """Write up to ``count`` slices of a subject, from the skull base to the vertex as they come in a volume.

    Of a subject with a lesion only slices that show it are written, to ``Ungood``: its other slices are no
    examples of a normal brain. All slices of a subject share one linear scale, so that a slice is as bright as it
    was in the volume.

    Args:
        phantom: the subject.
        root: the folder that holds ``train``, ``valid`` and ``test``.
        split: where the subject belongs.
        subject: its number, for the file names ``phantom_SSSS_sKK.png``.
        count: the most slices to write, evenly spread over those that qualify.
    """
    area = phantom.mask.sum(axis=(0, 1))
    qualified = np.arange(phantom.image.shape[2])
    if area.any():
        qualified = qualified[area[qualified] >= min(MIN_LESION_PIXELS, area[qualified].max())]
    spread = np.linspace(0, len(qualified) - 1, min(count, len(qualified)))
    pixels = np.round(phantom.image * (65535 / phantom.image.max())).astype(np.uint16)

    folder = root / split / ("Ungood" if area.any() else "good")
    for k in qualified[np.round(spread).astype(int)]:
        name = f"phantom_{subject:04d}_s{k:02d}.png"
        if split == "train":
            _write_png(folder / name, pixels[:, :, k])
        else:
            _write_png(folder / "img" / name, pixels[:, :, k])
            _write_png(folder / "label" / name, phantom.mask[:, :, k].astype(np.uint8) * np.uint8(255))


def _write_png(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    with atomic_path(path) as temporary:
        Image.fromarray(pixels).save(temporary)
