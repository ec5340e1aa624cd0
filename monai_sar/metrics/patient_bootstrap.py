"""How much a metric would vary with other patients: percentile intervals of a bootstrap over patients."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

__all__ = ["Estimate", "PatientBootstrap", "Statistic"]

FloatArray = npt.NDArray[np.float64]

Statistic = Callable[[FloatArray], FloatArray]
"""From weights ``[B, P]`` of P patients in B samples to the metric of each sample, ``[B]``; NaN where undefined."""

LEAST_PATIENTS = 5
_AT_A_TIME = 100


@dataclass(frozen=True)
class Estimate:
    """A metric and its interval.

    Attributes:
        value: None where it cannot be told.
        low: lower end of the interval; None where there is no interval.
        high: upper end.
        n: how many it was measured on.
        of: what these are, such as "scans" or "lesions".
        note: why there is no value or no interval.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    of: str = "scans"
    note: str | None = None


class PatientBootstrap:
    """Draws as many patients as there are, with replacement, again and again [0].

    Scans of one patient resemble each other, so they are drawn together: an interval over scans would be too narrow.
    Every metric is measured on the same resamples. Patients without what a metric needs are drawn too. The ends of
    the interval are percentiles of the resamples; with few patients (below some twenty) such intervals are too narrow,
    with fewer than five in one of the classes there is none.

    [0]: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.

    Args:
        patients: how many there are.
        resamples: how many times they are drawn.
        confidence: of the intervals.
        seed: of the draws.

    Raises:
        ValueError: a number is out of range.

    Example:
        >>> import numpy as np
        >>> flagged, scans = np.array([0.0, 3.0, 1.0, 0.0, 2.0, 0.0]), np.array([4.0, 4.0, 2.0, 3.0, 5.0, 2.0])
        >>> share = PatientBootstrap(6).share(flagged, scans, n=20, of="normal scans")
        >>> share.value, share.low < 0.3 < share.high
        (0.3, True)
    """

    def __init__(self, patients: int, *, resamples: int = 1000, confidence: float = 0.95, seed: int = 0) -> None:
        if patients < 1 or resamples < 1 or not 0 < confidence < 1:
            raise ValueError(
                f"Found {patients} patients, {resamples} resamples and a confidence of {confidence}; expected at least "
                "one of each, and a confidence between 0 and 1."
            )
        self.patients = patients
        self.resamples = resamples
        self.confidence = confidence
        self.seed = seed
        draws = np.random.default_rng(seed).multinomial(patients, np.full(patients, 1 / patients), size=resamples)
        self.weights: npt.NDArray[np.uint16 | np.uint32] = draws.astype(np.uint16 if patients < 2**16 else np.uint32)
        """``[B, P]``: how often each patient is in each resample."""

    def estimate(
        self,
        statistic: Statistic,
        *,
        n: int,
        of: str,
        needs: Sequence[npt.NDArray[np.bool_]] = (),
        value: float | None = None,
    ) -> Estimate:
        """Measure a metric that lies in [0, 1], and its interval.

        Args:
            statistic: the metric of weighted patients.
            n: how many it is measured on.
            of: what these are.
            needs: ``[P]`` each: which patients have what the metric cannot do without, such as lesions.
            value: the metric, where it is known better than the statistic tells; the interval is moved along.
        """
        own = float(_defined(statistic, np.ones((1, self.patients)))[0])
        if value is None:
            value = own
        if not np.isfinite(value):
            return Estimate(None, n=n, of=of, note="nothing to measure it on")
        fewest = min((int(have.sum()) for have in needs), default=self.patients)
        if fewest < LEAST_PATIENTS:
            return Estimate(value, n=n, of=of, note=f"no interval: {fewest} of at least {LEAST_PATIENTS} patients")
        parts = np.array_split(self.weights, -(-self.resamples // _AT_A_TIME))
        values = np.concatenate([_defined(statistic, part.astype(np.float64)) for part in parts])
        tail = 50 * (1 - self.confidence)
        low, high = np.nanpercentile(values, [tail, 100 - tail]) + (value - own)
        if high - low < 1e-12:
            return Estimate(value, n=n, of=of, note="no interval: all resamples agree")
        return Estimate(value, max(0.0, float(low)), min(1.0, float(high)), n=n, of=of)

    def share(self, part: FloatArray, whole: FloatArray, *, n: int, of: str) -> Estimate:
        """Measure a share of events, ``sum(part) / sum(whole)``.

        Where it is 0 or 1 in every patient, resampling cannot tell how sure that is; the interval is then the one of
        as many patients who all agree (Clopper and Pearson).

        Args:
            part: ``[P]``, such as the normal scans of each patient that are flagged.
            whole: ``[P]``, such as the normal scans of each patient.
            n: how many the share is of.
            of: what these are.
        """
        have = whole > 0

        def ratio(weights: FloatArray) -> FloatArray:
            quotient: FloatArray = (weights @ part) / (weights @ whole)
            return quotient

        found = self.estimate(ratio, n=n, of=of, needs=[have])
        if found.value not in (0.0, 1.0) or have.sum() < LEAST_PATIENTS:
            return found
        missed = float(beta.ppf(self.confidence / 2 + 0.5, 1, int(have.sum())))
        low, high = (0.0, missed) if found.value == 0 else (1 - missed, 1.0)
        return Estimate(found.value, low, high, n=n, of=of)


def _defined(statistic: Statistic, weights: FloatArray) -> FloatArray:
    """The metric of each sample; 0 / 0 is the NaN of a sample that lacks what it needs."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return statistic(weights)
