"""Read the mask of a lesion that is stored as an image file."""

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monai_sar.scans.stored_image import ImageReadError, StoredImage, read_stored_image

__all__ = ["StoredMask", "read_stored_mask"]


@dataclass(frozen=True)
class StoredMask:
    """A mask and the file that it came from.

    Attributes:
        stored: the pixels as stored.
        lesion: ``[H, W]``: where there is lesion.
    """

    stored: StoredImage
    lesion: NDArray[np.bool_]


def read_stored_mask(path: str | os.PathLike[str]) -> StoredMask:
    """Read a mask: any pixel whose colour is not black is lesion.

    Masks of 0/1, of 0/255, with several grey levels (classes) and in colour all read the same. Alpha is ignored:
    BMAD's brain masks are RGBA, opaque everywhere. An empty mask is fine (some of BMAD's abnormal brain slices have
    one).

    A JPEG mask has grey levels around its edges that nobody drew. There, lesion is what reaches half of the
    range (128) in any channel, and a mask that reaches it nowhere without being black is an error.

    Raises:
        ImageReadError: the file cannot be read, or it is a JPEG whose values do not say where the lesion is.
    """
    stored = read_stored_image(path)
    return StoredMask(stored, _lesion(stored))


def _lesion(stored: StoredImage) -> NDArray[np.bool_]:
    """Return ``[H, W]``: where the mask is not black (reaches half of the range, if it went through JPEG)."""
    level = stored.pixels if stored.pixels.ndim == 2 else stored.pixels.max(axis=-1)
    lesion: NDArray[np.bool_] = level > (stored.stored_max / 2 if stored.lossy else 0)
    if level.any() and not lesion.any():
        raise ImageReadError(
            f"{stored.path}: found a JPEG mask whose largest value is {level.max()}; expected 0 and 255, "
            "because JPEG blurs smaller steps away. Save the original mask as PNG."
        )
    return lesion
