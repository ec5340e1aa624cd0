"""The outcome of an evaluation: every metric with its interval, and what it was measured on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from monai_sar.calibration.calibration import DEFAULT_FLAG_RATE
from monai_sar.evaluation.collected import Collected
from monai_sar.evaluation.operating_points import OperatingPoint, operating_points, size_text
from monai_sar.evaluation.ranking_metrics import ranking_metrics
from monai_sar.evaluation.scan_table import ScanRow, scan_table
from monai_sar.metrics.patient_bootstrap import Estimate

__all__ = ["Evaluation"]

_BY_SIZE = "lesion_sensitivity_{point}_{least}_to_{most}_{unit}"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a detector does on one set.

    Attributes:
        split: name of the split.
        collected: facts of all scans.
        measured: metrics of the voxels over all scores, by name.
        identity: what was evaluated on what: digest of the scans, settings of the detector, versions, ...
    """

    split: str
    collected: Collected
    measured: Mapping[str, float]
    identity: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def ranking(self) -> dict[str, Estimate]:
        """Metrics of scans and of voxels that need no threshold."""
        return ranking_metrics(self.collected, self.measured)

    @cached_property
    def points(self) -> list[OperatingPoint]:
        """What thresholds do: the calibrated ones, then the oracle."""
        return operating_points(self.collected)

    @cached_property
    def metrics(self) -> dict[str, Estimate]:
        """Every metric by its name in the files, such as ``dice_at_0.05``."""
        of_points = {f"{name}_{point.name}": found for point in self.points for name, found in point.metrics.items()}
        return self.ranking | of_points

    @property
    def shown_point(self) -> OperatingPoint | None:
        """The threshold at which cases are shown: calibrated for the rate at which masks flag, else the oracle's."""
        calibrated = [point for point in self.points if point.rate is not None]
        shown = calibrated or self.points
        return min(shown, key=lambda point: abs((point.rate or 0) - DEFAULT_FLAG_RATE), default=None)

    @cached_property
    def record(self) -> dict[str, Any]:
        """For ``metrics_<split>.json``; JSON-able, no name of a file and no patient."""
        collected, bootstrap = self.collected, self.collected.bootstrap
        metrics = dict(sorted(self.metrics.items()))
        abnormal, unit, shown = int(collected.abnormal.sum()), collected.size_unit, self.shown_point
        return {
            "disclaimer": "Research use only, not for diagnosis.",
            "split": self.split,
            "scans": {"normal": len(collected.facts) - abnormal, "abnormal": abnormal},
            "patients": {"count": collected.patients.count, "scans_of_unknown_patient": collected.patients.unknown},
            "lesions": len(collected.lesions),
            "abnormal_scans_without_mask": int((~collected.lesions_known).sum()),
            "scans_without_p_value": dict(collected.missing_p_values),
            "metrics": {name: found.value for name, found in metrics.items()},
            "intervals": {name: [found.low, found.high] for name, found in metrics.items() if found.low is not None},
            "notes": {name: found.note for name, found in metrics.items() if found.note is not None},
            "bootstrap": {
                "over": collected.units,
                "resamples": bootstrap.resamples,
                "confidence": bootstrap.confidence,
                "seed": bootstrap.seed,
            },
            "operating_points": [
                {
                    "name": point.name,
                    "promised_rate": point.rate,
                    "pixel_threshold": point.pixel_threshold,
                    "scan_threshold": point.scan_threshold,
                    "lesions_by_size": [
                        {"size": [least, most], "unit": unit, "lesions": found.n, "found": found.value}
                        for (least, most), found in point.by_size.items()
                    ],
                }
                for point in self.points
            ],
            "shown_operating_point": None if shown is None else shown.name,
            **self.identity,
        }

    @property
    def metric_rows(self) -> list[list[Any]]:
        """For ``metrics_<split>.csv``: a row for each metric under a row of names."""
        by_size = {
            _BY_SIZE.format(
                point=point.name, least=size_text(least), most=size_text(most), unit=self.collected.size_unit
            ): found
            for point in self.points
            for (least, most), found in point.by_size.items()
        }
        rows = [
            [name, found.value, found.low, found.high, found.n, found.of, found.note]
            for name, found in (self.metrics | by_size).items()
        ]
        return [["metric", "value", "low", "high", "n", "of", "note"], *rows]

    @cached_property
    def scans(self) -> list[ScanRow]:
        """What is told of each scan, at :attr:`shown_point`."""
        return scan_table(self.collected, self.shown_point)

    @property
    def case_rows(self) -> list[list[Any]]:
        """For ``cases_<split>.csv``: a row for each scan under a row of names; without their names, if none is told."""
        told = [field for field in ScanRow._fields if field != "name" or any(row.name for row in self.scans)]
        return [told, *([getattr(row, field) for field in told] for row in self.scans)]
