"""What the scores of normal units promise for the next normal one, whatever their distribution.

One formula serves pixels, images and scans. A unit, which is a patient, counts as one however many scores it has: of
a threshold ``t`` it knows the share of its own scores above. With ``n`` units, a new unit of the same population has in
expectation at most the share

    (1 + sum of the n shares above t) / (n + 1)

above a ``t`` that was chosen from these n [0]. With one score for each unit this is the conformal p-value [1]; with
several, its form for repeated measurements [2].

[0]: Angelopoulos et al., Conformal Risk Control, https://arxiv.org/abs/2208.02814
[1]: Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World, 2005
[2]: Dunn, Wasserman, Ramdas, Distribution-Free Prediction Sets for Two-Layer Hierarchical Models,
     https://arxiv.org/abs/1809.07441; Lee, Barber, Willett, https://arxiv.org/abs/2306.06342
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

__all__ = [
    "NormalScores",
    "ScoreCalibrationError",
    "percent",
    "realised_rate_interval",
    "require_units",
    "smallest_promise",
    "smallest_rate",
    "units_needed",
]

ROUNDING = 1e-9
"""Sums of shares are compared with this tolerance: ``20 * 0.05`` may come out below 1."""


class ScoreCalibrationError(ValueError):
    """A calibration cannot be made or used: the message says why and what to do."""


def units_needed(rate: float) -> int:
    """How many normal units it takes to promise a false-positive rate: ``1 / rate - 1``, rounded up.

    Example:
        >>> units_needed(0.05), units_needed(0.01)
        (19, 99)
    """
    return math.ceil(1 / rate - 1 - ROUNDING)


def smallest_rate(units: int) -> float:
    """The smallest false-positive rate that so many normal units can promise: also the smallest p-value."""
    return 1 / (units + 1)


def smallest_promise(units: int) -> float:
    """The smallest rate as people write it: rounded up to 0.1 %, because nothing smaller can be promised.

    Example:
        >>> smallest_promise(14), smallest_promise(19)
        (0.067, 0.05)
    """
    return math.ceil(1000 * smallest_rate(units) - ROUNDING) / 1000


def require_units(units: int, rates: Sequence[float]) -> None:
    """Raise an error unless all rates can be promised.

    Args:
        units: how many normal patients there are.
        rates: false-positive rates.

    Raises:
        ScoreCalibrationError: a rate is not between 0 and 1, or too small for so few units.
    """
    if wrong := [rate for rate in rates if not 0 < rate < 1]:
        raise ScoreCalibrationError(f"Found the false-positive rate {wrong[0]}; expected one between 0 and 1, as 0.05.")
    if short := [rate for rate in rates if units_needed(rate) > units]:
        needs = " and ".join(f"{percent(rate)} needs {units_needed(rate)}" for rate in sorted(short))
        smallest = smallest_promise(units)
        way_out = (
            f"the smallest rate that {units} can promise is {smallest:g}, so give --rates {smallest:g}, or add "
            "normal patients"
            if smallest < 1
            else "add normal patients"
        )
        raise ScoreCalibrationError(
            f"Found {units} normal patients (scans of unknown patients count as one each), too few: a false-positive "
            f"rate of {needs}. What to do: {way_out}."
        )


def realised_rate_interval(units: int, rate: float, confidence: float = 0.95) -> tuple[float, float]:
    """Where the false-positive rate lies that a threshold for scans turns out to have.

    The promise holds on average over all that might have been drawn: both these n units and the next one. Given these
    n, the realised rate is that of a threshold with ``k = floor((n + 1) * rate) - 1`` of n scores above it, which
    follows ``Beta(k + 1, n - k)`` if no scores are equal. Many units make it narrow.

    Args:
        units: n.
        rate: that was promised.
        confidence: of the interval, equal tails.

    Returns:
        Lower and upper end.

    Example:
        >>> [round(end, 3) for end in realised_rate_interval(19, 0.05)]
        [0.001, 0.176]
        >>> [round(end, 3) for end in realised_rate_interval(1999, 0.05)]
        [0.041, 0.06]
    """
    require_units(units, [rate])
    above = math.floor((units + 1) * rate + ROUNDING) - 1
    tail = (1 - confidence) / 2
    low, high = stats.beta(above + 1, units - above).ppf([tail, 1 - tail])
    return float(low), float(high)


def percent(rate: float) -> str:
    """A rate for people: ``0.05`` -> ``5 %``."""
    return f"{100 * rate:.3g} %"


class NormalScores:
    """Scores of normal units, each of which counts as one.

    Args:
        units: of each unit its scores, at least one, finite.

    Raises:
        ScoreCalibrationError: there is no unit, a unit without scores, or a score that is no finite number.

    Example:
        >>> scores = NormalScores([[1.0], [2.0], [4.0]])
        >>> scores.p_value(3.0), scores.p_value(4.0), scores.p_value(5.0)
        (0.5, 0.5, 0.25)
        >>> scores.threshold(0.5)
        2.0
    """

    def __init__(self, units: Iterable[npt.ArrayLike]) -> None:
        arrays: list[npt.NDArray[np.floating[Any]]] = [np.asarray(scores) for scores in units]
        if not arrays or not all(scores.size and np.isfinite(scores).all() for scores in arrays):
            raise ScoreCalibrationError("Every normal unit needs at least one score, and finite ones.")
        values = np.concatenate([scores.ravel() for scores in arrays])
        weights = np.concatenate([np.full(scores.size, 1 / scores.size) for scores in arrays])
        order = np.argsort(values, kind="stable")
        self.units = len(arrays)
        self._values = values[order]
        # from the top, where sums are small and have to be exact
        self._at_or_above = np.append(np.cumsum(weights[order][::-1])[::-1], 0.0)

    def p_value(self, score: float) -> float:
        """How probable so high a score is for a new normal unit: ``(1 + normal units at or above) / (n + 1)``.

        Args:
            score: of a unit; or, of several that the unit has, one that was not chosen for being high.

        Returns:
            From ``1 / (n + 1)`` to 1. Of a normal unit it is at most ``a`` with a probability of at most ``a``.
        """
        above = self._at_or_above[np.searchsorted(self._values, score, side="left")]
        return float(min(1.0, (1 + above) / (self.units + 1)))

    def threshold(self, rate: float) -> float:
        """The lowest score above which a new normal unit has at most this share of its scores, in expectation.

        A score is above it exactly if its p-value is at most ``rate``.

        Raises:
            ScoreCalibrationError: there are too few units to promise this rate.
        """
        require_units(self.units, [rate])
        above = self._at_or_above[np.searchsorted(self._values, self._values, side="right")]
        allowed = (self.units + 1) * rate - 1
        return float(self._values[np.argmax(above <= allowed + ROUNDING)])
