"""Thresholds and p-values, and what they rest on."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, get_args

from monai_sar.calibration.conformal import (
    NormalScores,
    ScoreCalibrationError,
    percent,
    realised_rate_interval,
    require_units,
    units_needed,
)
from monai_sar.calibration.input_reference import InputReference, numbers
from monai_sar.calibration.scan_traits import Kind

__all__ = ["DEFAULT_FLAG_RATE", "DEFAULT_RATES", "DIGEST", "Calibration", "Kind"]

DEFAULT_RATES = (0.01, 0.05)
"""False-positive rates that are promised where there are patients enough: 99 and 19."""

DEFAULT_FLAG_RATE = 0.05
"""Share of normal pixels that a mask may flag, unless another is asked for."""

DIGEST = 12
"""Hexadecimal digits of a SHA-256 by which a scan is known again."""

_LARGEST = 3.4028234663852886e38
"""The largest float32."""


@dataclass(frozen=True)
class Calibration:
    """What a detector's scores mean, told from normal patients that it has not learnt from.

    The statements hold for new normal patients of the same kind, imaged and prepared in the same way: see
    ``docs/explanation/calibration.md``. A score is flagged if it is *above* a threshold.

    Attributes:
        rates: false-positive rates, ascending; none, if there were too few patients to promise one.
        pixel_thresholds: one per rate: of the voxels in the region of a new normal patient, at most this share is
            flagged in expectation.
        scan_thresholds: one per rate: the scan of a new normal patient is flagged with at most this probability; minus
            those rates, at the lower end, for which there are too few patients with a normal scan.
        scan_scores: for each patient with normal scans their scores, ascending; patients by their highest. None, if
            every scan that was calibrated on shows a lesion: then voxels were taken from its other slices.
        units: patients behind the thresholds of voxels.
        unit: what is exchangeable: "patient"; or "scan", if the patients of some scans were not known, each of which
            then counts as a patient of its own.
        kind: what the scans were: "volumes", or "slices" (single images). A score of one says nothing of the other.
        scans: how many there were.
        digests: of each scan, sorted, the first digits of its SHA-256, so that it is known again.
        data_sha256: of the scans as the detector saw them.
        inputs: what they were like; None, if an older version calibrated.
    """

    rates: tuple[float, ...]
    pixel_thresholds: tuple[float, ...]
    scan_thresholds: tuple[float, ...]
    scan_scores: tuple[tuple[float, ...], ...]
    units: int
    unit: Literal["patient", "scan"]
    kind: Kind
    scans: int
    digests: tuple[str, ...]
    data_sha256: str
    inputs: InputReference | None = None

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        require_units(self.units, self.rates)
        sound = (
            _ascending(self.rates)
            and len(set(self.rates)) == len(self.rates)
            and len(self.pixel_thresholds) == len(self.rates)
            and len(self.scan_thresholds) == len(self.scan_rates)
            and all(_ascending(each[::-1]) for each in (self.pixel_thresholds, self.scan_thresholds))
            and all(type(count) is int for count in (self.units, self.scans))
            and len(self.scan_scores) <= self.units <= self.scans
            and self.units > 0
            and all(scores and _ascending(scores) for scores in self.scan_scores)
            and sum(map(len, self.scan_scores)) <= self.scans
            and self.unit in ("patient", "scan")
            and self.kind in get_args(Kind)
            and len(self.digests) <= self.scans
            and all(re.fullmatch(rf"[0-9a-f]{{{DIGEST}}}", digest) for digest in self.digests)
            and re.fullmatch(r"[0-9a-f]{64}", self.data_sha256) is not None
            and (self.inputs is None or self.inputs.kind == self.kind)
        )
        if not sound:
            raise ScoreCalibrationError("The calibration contradicts itself.")

    @property
    def scan_rates(self) -> tuple[float, ...]:
        """The rates that can be promised of whole scans: those of :attr:`scan_thresholds`."""
        return tuple(rate for rate in self.rates if units_needed(rate) <= len(self.scan_scores))

    def p_value(self, score: float, *, kind: Kind) -> float | None:
        """How probable so high a score is for the scan of a new normal patient.

        Args:
            score: of the scan.
            kind: what it is, a volume or a single image.

        Returns:
            From ``1 / (patients + 1)`` to 1; None, where :meth:`why_no_p_value` says why.
        """
        return None if self.why_no_p_value(kind=kind) else self._scans.p_value(score)

    def why_no_p_value(self, *, kind: Kind, digest: str = "") -> str | None:
        """Why a scan gets no p-value, in a sentence; None if it gets one.

        Args:
            kind: what it is.
            digest: SHA-256 of the scan.
        """
        if kind != self.kind:
            other = {"volumes": "whole volumes", "slices": "single slices"}
            return (
                f"no p-value: the detector is calibrated on {other[self.kind]}, and a score of {other[kind]} cannot be "
                "compared with theirs. Calibrate it on scans like this one: monai-sar calibrate BUNDLE DATASET"
            )
        if not self.scan_scores:
            return (
                "no p-value: every scan that the detector is calibrated on shows a lesion; a p-value needs scans of "
                "normal patients"
            )
        if digest[:DIGEST] in self.digests:
            return "no p-value: the detector is calibrated on this very scan"
        return None

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
        return realised_rate_interval(len(self.scan_scores), rate)

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
        if not isinstance(saved, Mapping) or saved.keys() | {"inputs"} != fields:
            raise ScoreCalibrationError("The calibration lacks fields, or has more: another version may have made it.")
        try:
            return cls(
                rates=numbers(saved["rates"]),
                pixel_thresholds=numbers(saved["pixel_thresholds"]),
                scan_thresholds=numbers(saved["scan_thresholds"]),
                scan_scores=tuple(map(numbers, saved["scan_scores"])),
                units=saved["units"],
                unit=saved["unit"],
                kind=saved["kind"],
                scans=saved["scans"],
                digests=tuple(saved["digests"]),
                data_sha256=saved["data_sha256"],
                inputs=None if saved.get("inputs") is None else InputReference.from_dict(saved["inputs"]),
            )
        except (TypeError, OverflowError) as error:  # another type or size than expected, wherever it is met first
            raise ScoreCalibrationError(f"The calibration of the detector is damaged: {error}.") from error

    @cached_property
    def _scans(self) -> NormalScores:
        return NormalScores(self.scan_scores)


def _ascending(values: Sequence[float]) -> bool:
    # scores are float32: a larger number is none of a detector's
    return all(abs(value) <= _LARGEST for value in values) and all(left <= right for left, right in pairwise(values))
