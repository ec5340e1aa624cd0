"""Whether a slice shows something."""

from torch import Tensor

__all__ = ["FOREGROUND_LEVEL", "FOREGROUND_SHARE", "has_foreground"]

FOREGROUND_LEVEL = 0.02
"""Pixels at or below it count as air: a twentieth of the level that the MRI bundle gives to tissue."""

FOREGROUND_SHARE = 0.001
"""A slice with fewer foreground pixels is empty: less than one patch of 16 x 16 in an image of 448 x 448."""


def has_foreground(image: Tensor) -> bool:
    """Tell whether a slice shows something.

    It is empty if all its pixels are equal, or if fewer than 0.1 % of them are above 0.02. Both are low on purpose: a
    slice of mere noise costs time, a slice of tissue taken for an empty one would hide a lesion. Every slice is
    judged by itself, whatever else is in the volume.

    Args:
        image: ``[H, W]``, intensities in [0, 1].
    """
    share = float((image > FOREGROUND_LEVEL).count_nonzero()) / image.numel()
    return share >= FOREGROUND_SHARE and bool(image.max() > image.min())
