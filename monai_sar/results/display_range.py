"""Which scores are drawn from the lowest to the highest colour."""

import numpy as np
import numpy.typing as npt

__all__ = ["display_range", "range_from"]


def display_range(scores: npt.NDArray[np.floating], *, threshold: float | None = None) -> tuple[float, float]:
    """From the median score to the highest.

    With a threshold the range reaches at least as far above it as below it: a normal scan stays dim, instead
    of having its own noise stretched over all colours.

    Args:
        scores: any shape, finite, not empty.
        threshold: the score above which a voxel is flagged.

    Returns:
        Lower and upper end; the upper one is always higher.
    """
    return range_from(float(np.median(scores)), float(scores.max()), threshold=threshold)


def range_from(low: float, high: float, *, threshold: float | None = None) -> tuple[float, float]:
    """The same, where the lower and the higher end are known, of several maps say."""
    if threshold is not None:
        high = max(high, threshold + abs(threshold - low))
    return low, high if high > low else low + 1
