"""The outcome of an evaluation: every metric with its interval, and what it was measured on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from monai_sar.calibration.calibration import DEFAULT_FLAG_RATE
from monai_sar.evaluation.collected import Collected
from monai_sar.evaluation.operating_points import OperatingPoint, operating_points
from monai_sar.evaluation.ranking_metrics import ranking_metrics
from monai_sar.metrics.patient_bootstrap import Estimate

__all__ = ["Evaluation"]

_BY_SIZE = "lesion_sensitivity_{point}_area_{least}_to_{most}"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a detector does on one set.

    Attributes:
        split: name of the split.
        collected: facts of all images.
        measured: pixel metrics over all scores, by name.
        identity: what was evaluated on what: digest of the images, settings of the detector, versions, ...
    """

    split: str
    collected: Collected
    measured: Mapping[str, float]
    identity: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def ranking(self) -> dict[str, Estimate]:
        """Image and pixel metrics that need no threshold."""
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
        """For ``metrics_<split>.json``; JSON-able, no file name and no patient."""
        collected, bootstrap = self.collected, self.collected.bootstrap
        metrics = dict(sorted(self.metrics.items()))
        abnormal = int(collected.abnormal.sum())
        return {
            "disclaimer": "Research use only, not for diagnosis.",
            "split": self.split,
            "images": {"normal": len(collected.facts) - abnormal, "abnormal": abnormal},
            "patients": {"count": collected.patients.count, "images_of_unknown_patient": collected.patients.unknown},
            "lesions": len(collected.lesions),
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
                    "image_threshold": point.image_threshold,
                    "lesions_by_size": [
                        {"area_px": [least, most], "lesions": found.n, "found": found.value}
                        for (least, most), found in point.by_size.items()
                    ],
                }
                for point in self.points
            ],
            **self.identity,
        }

    @property
    def metric_rows(self) -> list[list[Any]]:
        """For ``metrics_<split>.csv``: a row for each metric under a row of names."""
        by_size = {
            _BY_SIZE.format(point=point.name, least=least, most=most): found
            for point in self.points
            for (least, most), found in point.by_size.items()
        }
        rows = [
            [name, found.value, found.low, found.high, found.n, found.of, found.note]
            for name, found in (self.metrics | by_size).items()
        ]
        return [["metric", "value", "low", "high", "n", "of", "note"], *rows]

    @property
    def case_rows(self) -> list[list[Any]]:
        """For ``cases_<split>.csv``: a row for each image under a row of names; numbers stand for names."""
        collected = self.collected
        shown = self.shown_point
        header = ["image", "patient", "abnormal", "score", "p_value", "lesions", "lesions_found", "lesion_pixels"]
        return [
            [*header, "average_precision"],
            *(
                [
                    number + 1,
                    int(collected.patients.of_image[number]) + 1,
                    int(collected.abnormal[number]),
                    facts.score,
                    None if collected.calibration is None else collected.calibration.p_value(facts.score, of="image"),
                    len(facts.lesions),
                    None if shown is None else sum(one.score > shown.pixel_threshold for one in facts.lesions),
                    facts.lesion_pixels,
                    float(precision) if precision == precision else None,
                ]
                for number, (facts, precision) in enumerate(
                    zip(collected.facts, collected.average_precisions, strict=True)
                )
            ),
        ]
