"""Thresholds and p-values, and what they rest on."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

from monai_sar.calibration.conformal import (
    NormalScores,
    ScoreCalibrationError,
    percent,
    realised_rate_interval,
    require_units,
)

__all__ = ["DEFAULT_FLAG_RATE", "DEFAULT_RATES", "Calibration"]

DEFAULT_RATES = (0.01, 0.05)
"""False-positive rates that are promised where there are patients enough: 99 and 19."""

DEFAULT_FLAG_RATE = 0.05
"""Share of normal pixels that a mask may flag, unless another is asked for."""


@dataclass(frozen=True)
class Calibration:
    """What a detector's scores mean, told from normal patients that it has not learnt from.

    The statements hold for new normal patients of the same kind, imaged and prepared in the same way: see
    ``docs/explanation/calibration.md``. A score is flagged if it is *above* a threshold.

    Attributes:
        rates: false-positive rates, ascending; none, if there were too few patients to promise one.
        pixel_thresholds: one per rate: of the pixels in the region of a new normal patient, at most this share is
            flagged in expectation.
        scan_thresholds: one per rate: a new normal patient is flagged with at most this probability, by the score over
            all images (or slices) together.
        image_thresholds: one per rate: the same for a single image of a new normal patient.
        scan_scores: one per unit, ascending: the score over all of its images together.
        image_scores: for each of these units the scores of its images one by one, ascending.
        unit: what is exchangeable: "patient"; or "image", if the patients of some images were not known, each of which
            then counts as a patient of its own.
        images: how many images there were.
        data_sha256: of the images as the detector saw them.
    """

    rates: tuple[float, ...]
    pixel_thresholds: tuple[float, ...]
    scan_thresholds: tuple[float, ...]
    image_thresholds: tuple[float, ...]
    scan_scores: tuple[float, ...]
    image_scores: tuple[tuple[float, ...], ...]
    unit: Literal["patient", "image"]
    images: int
    data_sha256: str

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        require_units(self.units, self.rates)
        thresholds = (self.pixel_thresholds, self.scan_thresholds, self.image_thresholds)
        sound = (
            _ascending(self.rates)
            and len(set(self.rates)) == len(self.rates)
            and all(len(each) == len(self.rates) and _ascending(each[::-1]) for each in thresholds)
            and _ascending(self.scan_scores)
            and len(self.image_scores) == self.units > 0
            and all(scores and _ascending(scores) for scores in self.image_scores)
            and self.images == sum(map(len, self.image_scores))
            and self.unit in ("patient", "image")
            and re.fullmatch(r"[0-9a-f]{64}", self.data_sha256) is not None
        )
        if not sound:
            raise ScoreCalibrationError("The calibration contradicts itself.")

    @property
    def units(self) -> int:
        """How many patients the statements rest on."""
        return len(self.scan_scores)

    def p_value(self, score: float, *, of: Literal["scan", "image"] = "scan") -> float:
        """How probable so high a score is for a new normal patient.

        Args:
            score: of a scan of several slices, or of a single image.
            of: which of the two.

        Returns:
            From ``1 / (units + 1)`` to 1.
        """
        return (self._scans if of == "scan" else self._images).p_value(score)

    def pixel_threshold(self, rate: float) -> float:
        """The score above which at most this share of normal pixels is flagged.

        Raises:
            ScoreCalibrationError: there is none for this rate.
        """
        if rate not in self.rates:
            made_for = ", ".join(map(percent, self.rates)) or "p-values only, because there were too few patients"
            raise ScoreCalibrationError(
                f"There is no threshold for a false-positive rate of {percent(rate)}; the checkpoint is calibrated for "
                f"{made_for}. Calibrate it again: monai-sar calibrate BUNDLE DATASET --rates {rate:g}"
            )
        return self.pixel_thresholds[self.rates.index(rate)]

    def realised_rate_interval(self, rate: float) -> tuple[float, float]:
        """Where the realised rate of scans lies with 95 % confidence; see :func:`realised_rate_interval`."""
        return realised_rate_interval(self.units, rate)

    def to_dict(self) -> dict[str, Any]:
        """As JSON would hold it."""
        return dict(json.loads(json.dumps(asdict(self))))

    @classmethod
    def from_dict(cls, saved: Any) -> "Calibration":
        """Read what :meth:`to_dict` gave. It may come from anywhere, so it is checked.

        Raises:
            ScoreCalibrationError: it is something else.
        """
        fields = set(cls.__dataclass_fields__)
        if not isinstance(saved, Mapping) or saved.keys() != fields:
            raise ScoreCalibrationError("The calibration lacks fields, or has more: another version may have made it.")
        try:
            return cls(
                **{key: _numbers(saved[key]) for key in ("rates", "scan_scores", *_THRESHOLDS)},
                image_scores=tuple(map(_numbers, saved["image_scores"])),
                unit=saved["unit"],
                images=saved["images"],
                data_sha256=saved["data_sha256"],
            )
        except (TypeError, OverflowError) as error:  # another type or size than expected, wherever it is met first
            raise ScoreCalibrationError(f"The calibration of the detector is damaged: {error}.") from error

    @cached_property
    def _scans(self) -> NormalScores:
        return NormalScores([[score] for score in self.scan_scores])

    @cached_property
    def _images(self) -> NormalScores:
        return NormalScores(self.image_scores)


_THRESHOLDS = ("pixel_thresholds", "scan_thresholds", "image_thresholds")


def _ascending(values: Sequence[float]) -> bool:
    return all(map(math.isfinite, values)) and all(left <= right for left, right in pairwise(values))


def _numbers(values: Any) -> tuple[float, ...]:
    if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
        raise TypeError("expected a list of numbers")
    return tuple(map(float, values))
