"""How rare a score is among normal patches."""

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["Rarity"]

_MOST_BITS = 12
_LEAST_ABOVE = 10
"""Normal patches above the highest level that is told apart: fewer would say little of the next patients."""
_SLOPE_BITS = 3
"""Over how many of the last bits the slope is taken with which rarity goes on above all levels."""


class Rarity(nn.Module):
    """Bits of surprise: ``-log2`` of the share of normal patches that score higher.

    Scores of unlike kinds, such as prediction errors and intensities, become comparable: 1 bit is what every second
    normal patch exceeds, 10 bits what one in a thousand does. Between the levels of whole bits it is linear, and above
    the highest it goes on with the slope of the last bits (an exponential tail), so that what is beyond all normal
    patches is still ranked. It never falls as the score rises.

    Attribute ``points``: of the piecewise linear function, ``(score, bits)``, both ascending; empty until :meth:`fit`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.points: tuple[tuple[float, float], ...] = ()

    def forward(self, score: Tensor) -> Tensor:
        """Scores of any shape -> bits, 0 and more.

        Raises:
            RuntimeError: it is not fitted.
        """
        if not self.points:
            raise RuntimeError("Rarity is not known before normal patches have been seen: fit() first.")
        # a sum of ramps, which every export can record
        bits = torch.zeros_like(score)
        for (low, low_bits), (high, high_bits) in pairwise(self.points):
            bits = bits + (score.clamp(low, high) - low) * ((high_bits - low_bits) / (high - low))
        before, last = self.points[max(0, len(self.points) - 1 - _SLOPE_BITS)], self.points[-1]
        return bits + (score - last[0]).clamp_min(0) * ((last[1] - before[1]) / (last[0] - before[0]))

    def fit(self, scores: Tensor) -> "Rarity":
        """Take the levels from the scores of normal patches ``[N]``.

        Raises:
            ValueError: they are too few, not finite or all the same.
        """
        values = scores.detach().flatten().to("cpu", torch.float64).numpy()
        if len(values) < 2 or not np.isfinite(values).all():
            raise ValueError(f"Found {len(values)} scores of normal patches; expected 2 or more, all finite.")
        highest = min(_MOST_BITS, max(1, int(np.log2(len(values) / _LEAST_ABOVE))))
        levels = np.quantile(values, 1 - 0.5 ** np.arange(highest + 1)).tolist()
        points = [(levels[0], 0.0)]
        for bits, level in enumerate(levels[1:], start=1):
            if level > points[-1][0]:  # of equal scores, the least rare
                points.append((level, float(bits)))
        if len(points) < 2:
            raise ValueError(
                f"All {len(values)} scores of normal patches are {levels[0]:g}: none is rarer than another."
            )
        self.points = tuple(points)
        return self

    def load_points(self, saved: Any) -> None:
        """Take over what ``points`` were elsewhere. It may come from anywhere, so it is checked.

        Raises:
            ValueError: it is something else.
        """
        try:
            points = tuple((_number(score), _number(bits)) for score, bits in saved)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"Rarity is told by pairs of numbers; found {type(saved).__name__}.") from error
        with np.errstate(over="ignore"):
            as_scores = np.array(points, dtype=np.float32).reshape(-1, 2)  # what they are compared with
        if (
            not 2 <= len(points) <= _MOST_BITS + 1
            or not np.isfinite(as_scores).all()
            or not (np.diff(as_scores, axis=0) > 0).all()
            or points[0][1] != 0
            or points[-1][1] > _MOST_BITS
        ):
            raise ValueError("The points of a rarity are not ascending numbers from 0 bits.")
        self.points = points


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"found a {type(value).__name__}")
    return float(value)
