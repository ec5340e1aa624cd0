"""How well scores rank what is abnormal above what is normal: scans, and their voxels, with intervals."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from monai_sar.evaluation.collected import Collected
from monai_sar.evaluation.pixel_counts import LESION, NORMAL, OVERLAP, PatientPixels
from monai_sar.metrics.patient_bootstrap import Estimate, Statistic
from monai_sar.metrics.per_region_overlap import PixelAUPRO
from monai_sar.metrics.ranked_counts import auroc, average_precision

__all__ = ["ranking_metrics", "scan_counts"]

FloatArray = npt.NDArray[np.float64]
Ranking = Callable[[FloatArray, FloatArray], FloatArray]

_AUPRO = "pixel_aupro"


def ranking_metrics(collected: Collected, measured: Mapping[str, float]) -> dict[str, Estimate]:
    """Measure the metrics of scans and of voxels, and their intervals.

    Args:
        collected: facts of all scans.
        measured: metrics of the voxels of the same scans over all scores, by name; those of rivals among them, which
            get no interval. The intervals come from scores in groups, and are moved to the measured value.
    """
    found = {
        "scan_auroc": _scan_metric(collected, auroc),
        "scan_average_precision": _scan_metric(collected, average_precision),
    }
    rankings: dict[str, Ranking] = {
        "pixel_auroc": auroc,
        "pixel_average_precision": average_precision,
        _AUPRO: lambda normal, lesion: auroc(normal, lesion, PixelAUPRO.max_fpr),
    }
    for prefix, pixels in (("region_", collected.inside), ("", collected.everywhere)):
        for name, ranking in rankings.items():
            found[prefix + name] = _pixel_metric(collected, pixels, name, ranking, measured.get(prefix + name))
    rivals = {
        name: Estimate(value, n=len(collected.facts), note="no interval for rivals")
        for name, value in measured.items()
        if name not in found
    }
    return found | rivals


def scan_counts(collected: Collected) -> tuple[FloatArray, FloatArray]:
    """Normal and abnormal scans of each distinct score, ascending: ``[K]`` each."""
    place = np.unique(collected.scores, return_inverse=True)[1]
    normal, abnormal = (
        np.bincount(place[kind], minlength=place.max() + 1).astype(np.float64)
        for kind in (~collected.abnormal, collected.abnormal)
    )
    return normal, abnormal


def _scan_metric(collected: Collected, ranking: Ranking) -> Estimate:
    order = np.argsort(collected.scores, kind="stable")
    patient, abnormal = collected.patients.of_scan[order], collected.abnormal[order]
    starts = np.flatnonzero(np.diff(collected.scores[order], prepend=-np.inf))

    def statistic(weights: FloatArray) -> FloatArray:
        scans = weights[:, patient]
        # equal scores are one point of the curve
        return ranking(
            np.add.reduceat(scans * ~abnormal, starts, axis=1), np.add.reduceat(scans * abnormal, starts, axis=1)
        )

    return _needing_both(
        collected, statistic, n=len(collected.facts), have=[~collected.abnormal, collected.abnormal], what="scans"
    )


def _pixel_metric(
    collected: Collected, pixels: PatientPixels, name: str, ranking: Ranking, measured: float | None
) -> Estimate:
    normal, lesion = pixels.groups[NORMAL], pixels.groups[OVERLAP if name == _AUPRO else LESION]

    def statistic(weights: FloatArray) -> FloatArray:
        return ranking(weights @ normal, weights @ lesion)

    lesions = collected.lesion_voxels > 0
    counted = int(collected.lesions_known.sum())
    return _needing_both(collected, statistic, n=counted, have=[lesions], what="lesions", measured=measured)


def _needing_both(
    collected: Collected,
    statistic: Statistic,
    *,
    n: int,
    have: list[npt.NDArray[np.bool_]],
    what: str,
    measured: float | None = None,
) -> Estimate:
    if not all(kind.any() for kind in have):
        missing = "no lesions" if what == "lesions" else f"no {'normal' if not have[0].any() else 'abnormal'} scans"
        return Estimate(None, n=n, note=f"undefined: {missing} in this set")
    return collected.bootstrap.estimate(
        statistic, n=n, of="scans", needs=[collected.have(kind) for kind in have], value=measured
    )
