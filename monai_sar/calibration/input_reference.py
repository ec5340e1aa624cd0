"""What the scans were like that a detector was calibrated on, and whether another one is like them.

**When a scan is unlike.** Of n exchangeable patients and a new one, the new one is the highest with a probability of
1 / (n + 1), whatever the distribution. With 20 patients and some ten things to look at, that alone would be an alarm
for half of all normal scans. So a scan has to lie beyond the range that was seen by a tolerance, below which nobody
would call it a difference; and beyond what is to be expected of one more draw from a normal distribution of which n are
known: the prediction interval of Student's t,

    mean +- t(n - 1) * spread * sqrt(1 + 1 / n)

at a rate that is what all alarms together may have, divided among the things and their two sides. Few patients make it
wide. A scan that was calibrated on lies within the range, so it is always like.

**Appearance** is the distance of a scan's mean embedding from those of the others: in each channel in units of the
spread between scans, half of it shrunk to the mean spread of all channels, because few scans tell little of a channel;
then the root of the mean square. The range and the spread of such distances are those of each patient from the others,
left out one by one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
from scipy import stats

from monai_sar.calibration.conformal import ScoreCalibrationError
from monai_sar.calibration.input_check import InputCheck, InputDifference
from monai_sar.calibration.scan_traits import MODALITY, TRAITS, Kind, ScanTraits, Trait

__all__ = ["InputReference", "SeenRange", "numbers"]

APPEARANCE = Trait("appearance", "distance of the mean embedding", "", 0.2, ratio=False, set_by_protocol=False)
"""What the encoder sees, beyond the numbers of :data:`TRAITS`."""

FALSE_ALARMS = 0.02
"""Share of normal scans of the same kind for which an alarm may be raised, where measures are normally distributed."""

LEAST_PATIENTS = 5
"""With fewer, only what a protocol sets is looked at: how much the rest varies is not known."""

_SHRINKAGE = 0.5

_FARTHEST = 50.0
"""Distances beyond it are not told apart."""

_ROUNDING = 1e-4
"""Of an embedding: smaller differences are nothing to learn from."""

_ALL: Mapping[str, Trait] = {**TRAITS, "appearance": APPEARANCE}

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SeenRange:
    """How a trait was distributed over the scans that were calibrated on; of a ratio in logarithms.

    Attributes:
        patients: of whose scans it is known.
        lowest: of any scan.
        highest: of any scan.
        mean: every patient counting once.
        spread: standard deviation, every patient counting once; 0 of one patient.
    """

    patients: int
    lowest: float
    highest: float
    mean: float
    spread: float

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        numbers = (self.lowest, self.highest, self.mean, self.spread)
        if type(self.patients) is not int or not all(type(number) is float for number in numbers):
            raise TypeError("expected numbers")
        sound = self.patients > 0 and all(map(math.isfinite, numbers)) and abs(self.mean) < 100
        # far more than any trait or its logarithm is, and far less than what overflows
        if not (sound and self.spread >= 0 and -100 < self.lowest <= self.highest < 100):
            raise ScoreCalibrationError("What the calibration says of its scans contradicts itself.")

    @classmethod
    def of(cls, values: FloatArray, weights: FloatArray, patients: int) -> "SeenRange":
        """Of scans whose weights are those of their patients, 1 each."""
        mean = (weights * values).sum() / weights.sum()
        variance = (weights * (values - mean) ** 2).sum() / max(patients - 1, 1)
        return cls(patients, float(values.min()), float(values.max()), float(mean), float(np.sqrt(variance)))

    def beyond(self, value: float, tolerance: float) -> bool:
        """Whether a value lies outside the range by more than the tolerance, and by more than chance may put it."""
        if self.lowest - tolerance <= value <= self.highest + tolerance:
            return False
        if self.patients < LEAST_PATIENTS:  # whose spread says little
            return True
        rate = FALSE_ALARMS / (2 * len(_ALL))
        chance = stats.t.isf(rate, self.patients - 1) * self.spread * math.sqrt(1 + 1 / self.patients)
        return bool(abs(value - self.mean) > chance)


@dataclass(frozen=True)
class InputReference:
    """What the scans of a calibration were like: bounded in size, whatever their number; it names nobody.

    Attributes:
        kind: what they were.
        modalities: of those whose file says so, sorted.
        ranges: of what was measured, by the names of :data:`TRAITS`, and ``appearance``.
        embedding_mean: of the scans, channel by channel; empty if there are too few patients.
        embedding_spread: likewise, shrunk.
    """

    kind: Kind
    modalities: tuple[str, ...]
    ranges: Mapping[str, SeenRange] = field(hash=False)
    embedding_mean: tuple[float, ...] = ()
    embedding_spread: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        sound = (
            self.kind in get_args(Kind)
            and all(map(MODALITY.fullmatch, self.modalities))
            and self.ranges.keys() <= _ALL.keys()
            and len(self.embedding_mean) == len(self.embedding_spread)
            and all(map(math.isfinite, (*self.embedding_mean, *self.embedding_spread)))
            and all(spread > 0 for spread in self.embedding_spread)
            and bool(self.embedding_mean) == ("appearance" in self.ranges)
        )
        if not sound:
            raise ScoreCalibrationError("What the calibration says of its scans contradicts itself.")

    @classmethod
    def of(cls, patients: Sequence[Sequence[ScanTraits]]) -> "InputReference":
        """Describe scans.

        Args:
            patients: of each patient the scans, one or more, all of one kind. Their order does not matter.
        """
        # sums depend on the order of what is added
        ordered = sorted((sorted(scans, key=_key) for scans in patients), key=lambda scans: [*map(_key, scans)])
        scans = [(whose, scan) for whose, scans_of in enumerate(ordered) for scan in scans_of]
        ranges = {}
        for name, trait in TRAITS.items():
            known = [(whose, scan.measures[name]) for whose, scan in scans if name in scan.measures]
            if known:
                values = np.array([_scaled(trait, value) for _, value in known])
                ranges[name] = SeenRange.of(values, *_weights([whose for whose, _ in known]))
        whose = np.array([each for each, scan in scans])
        embeddings = [scan.embedding for _, scan in scans]
        mean = spread = np.zeros(0)
        if len(patients) >= LEAST_PATIENTS and len(set(map(len, embeddings))) == 1 and embeddings[0]:
            grid = np.array(embeddings)
            mean, spread = _mean_and_spread(grid, whose)
            distances = np.empty(len(scans))
            for patient in range(len(patients)):
                own = whose == patient
                distances[own] = _distance(grid[own], *_mean_and_spread(grid[~own], whose[~own]))
            ranges["appearance"] = SeenRange.of(distances, *_weights(whose))
        return cls(
            kind=scans[0][1].kind,
            modalities=tuple(sorted({scan.modality for _, scan in scans if scan.modality})),
            ranges=ranges,
            # a few digits do, and there may be hundreds
            embedding_mean=tuple(float(f"{value:.5g}") for value in mean),
            embedding_spread=tuple(float(f"{value:.3g}") for value in spread),
        )

    def check(self, scan: ScanTraits) -> InputCheck:
        """Compare a scan with those that were calibrated on."""
        if scan.kind != self.kind:  # whose other traits say nothing of this one
            return InputCheck((_other_code("kind", "kind of scan", scan.kind, (self.kind,)),))
        differences = []
        if scan.modality and self.modalities and scan.modality not in self.modalities:
            differences.append(_other_code("modality", "modality", scan.modality, self.modalities))
        found = dict(scan.measures)
        if self.embedding_mean and len(scan.embedding) == len(self.embedding_mean):
            own, mean, spread = map(np.array, (scan.embedding, self.embedding_mean, self.embedding_spread))
            found["appearance"] = float(_distance(own[None], mean, spread)[0])
        for name, trait in _ALL.items():
            seen = self.ranges.get(name)
            if seen is None or name not in found:
                continue
            if seen.patients < LEAST_PATIENTS and not trait.set_by_protocol:
                continue
            tolerance = math.log1p(trait.tolerance) if trait.ratio else trait.tolerance
            if seen.beyond(_scaled(trait, found[name]), tolerance):
                differences.append(_other_value(name, trait, found[name], seen))
        return InputCheck(tuple(differences))

    @classmethod
    def from_dict(cls, saved: Any) -> "InputReference":
        """Read what ``dataclasses.asdict`` made JSON-able. It may come from anywhere, so it is checked.

        Raises:
            ScoreCalibrationError: it contradicts itself.
            TypeError: a value is of another type.
        """
        _expect_fields(cls, saved)
        if not isinstance(saved["ranges"], Mapping) or not isinstance(saved["modalities"], list):
            raise TypeError("expected ranges and modalities")
        for seen in saved["ranges"].values():
            _expect_fields(SeenRange, seen)
        return cls(
            kind=saved["kind"],
            modalities=tuple(saved["modalities"]),
            ranges={name: SeenRange(**seen) for name, seen in saved["ranges"].items()},
            embedding_mean=numbers(saved["embedding_mean"]),
            embedding_spread=numbers(saved["embedding_spread"]),
        )


def numbers(values: Any) -> tuple[float, ...]:
    """Read a JSON list of numbers.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
        raise TypeError("expected a list of numbers")
    return tuple(map(float, values))


def _expect_fields(kind: Any, saved: Any) -> None:
    if not isinstance(saved, Mapping) or saved.keys() != set(kind.__dataclass_fields__):
        raise TypeError("what it says of its scans lacks fields, or has more")


def _key(scan: ScanTraits) -> tuple[Any, ...]:
    return scan.embedding, sorted(scan.measures.items()), scan.modality or ""


def _scaled(trait: Trait, value: float) -> float:
    return math.log(value) if trait.ratio else value


def _weights(whose: Sequence[int] | npt.NDArray[np.int64]) -> tuple[FloatArray, int]:
    """Of scans, such that those of each patient make 1; and how many patients there are."""
    _, number, scans = np.unique(whose, return_inverse=True, return_counts=True)
    return 1 / scans[number], len(scans)


def _mean_and_spread(embeddings: FloatArray, whose: npt.NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Of each channel of ``[N, C]``, every patient counting once; the spread shrunk to that of all channels."""
    weights, patients = _weights(whose)
    mean = weights @ embeddings / patients
    variance = weights @ (embeddings - mean) ** 2 / (patients - 1)
    # identical scans have no spread, but rounding
    least = (_ROUNDING * float(np.abs(embeddings).max())) ** 2
    return mean, np.sqrt((1 - _SHRINKAGE) * variance + _SHRINKAGE * variance.mean() + least)


def _distance(embeddings: FloatArray, mean: FloatArray, spread: FloatArray) -> FloatArray:
    """Of each of ``[N, C]``, in units of the spread."""
    distance: FloatArray = np.sqrt((((embeddings - mean) / spread) ** 2).mean(axis=1))
    return np.minimum(distance, _FARTHEST)


def _other_code(name: str, words: str, found: str, expected: tuple[str, ...]) -> InputDifference:
    return InputDifference(name, words, found, expected, f"{words}: {found} instead of {' or '.join(expected)}")


def _other_value(name: str, trait: Trait, found: float, seen: SeenRange) -> InputDifference:
    low, high = (math.exp(end) if trait.ratio else end for end in (seen.lowest, seen.highest))
    if name == "appearance":
        farther = found / max(high, trait.tolerance)  # identical scans are 0 apart
        words = f"appearance: {farther:.2g} times as far from their mean as the farthest of them"
    else:
        ends = list(dict.fromkeys(f"{end:.3g}" for end in (low, high)))
        unit = f" {trait.unit}" if trait.unit else ""
        words = f"{trait.words}: {found:.3g} instead of {' to '.join(ends)}{unit}"
    return InputDifference(name, trait.topic, found, (low, high), words)
