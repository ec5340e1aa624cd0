"""How well maps of volumes rank voxels: over all, patient by patient, and against each other."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from torch import Tensor

from monai_sar.metrics import ScoreHistogram
from monai_sar.metrics.patient_bootstrap import Estimate, PatientBootstrap
from monai_sar.metrics.score_histogram import COARSE_BITS

__all__ = ["Figures", "VoxelRanking", "difference", "mean_over_patients"]

FloatArray = npt.NDArray[np.float64]


class Figures(NamedTuple):
    """AUROC and average precision of voxels.

    Attributes:
        auroc: ``[P]`` of each patient; NaN without lesions.
        ap: likewise.
        pooled_auroc: of the voxels of all patients together.
        pooled_ap: likewise.
    """

    auroc: FloatArray
    ap: FloatArray
    pooled_auroc: float
    pooled_ap: float


class VoxelRanking:
    """Counts voxels by score, volume after volume; memory is that of two histograms.

    Volumes of one patient come one after the other.
    """

    def __init__(self) -> None:
        self._pooled = ScoreHistogram(COARSE_BITS)
        self._of_patient = ScoreHistogram(COARSE_BITS)
        self._figures: list[tuple[float, float]] = []

    def update(self, scores: Tensor, lesion: Tensor) -> None:
        """Count voxels ``[N]`` of one volume."""
        self._of_patient.update(scores, lesion)

    def end_patient(self) -> None:
        """The next volume is of another patient."""
        self._pooled.counts += self._of_patient.counts
        self._figures.append(_auroc_and_ap(self._of_patient))
        self._of_patient = ScoreHistogram(COARSE_BITS)

    @property
    def voxels(self) -> tuple[int, int]:
        """How many voxels were counted: normal ones, and those of lesions."""
        normal, of_lesions = self._pooled.counts.sum(1).tolist()
        return int(normal), int(of_lesions)

    def compute(self) -> Figures:
        """The figures of all patients so far."""
        auroc, ap = np.array(self._figures, np.float64).reshape(-1, 2).T
        return Figures(auroc, ap, *_auroc_and_ap(self._pooled))


def _auroc_and_ap(histogram: ScoreHistogram) -> tuple[float, float]:
    if not bool((histogram.counts.sum(1) > 0).all()):
        return float("nan"), float("nan")
    return histogram.auroc(), histogram.average_precision()


def mean_over_patients(values: FloatArray, bootstrap: PatientBootstrap) -> Estimate:
    """Mean of a metric from 0 to 1 over those of P patients who have it, and its interval."""
    have = np.isfinite(values)
    known = np.where(have, values, 0.0)

    def mean(weights: FloatArray) -> FloatArray:
        quotient: FloatArray = (weights @ known) / (weights @ have)
        return quotient

    return bootstrap.estimate(mean, n=int(have.sum()), of="patients", needs=[have])


def difference(values: FloatArray, others: FloatArray, bootstrap: PatientBootstrap) -> Estimate:
    """Mean of ``values - others`` over the patients, each compared with itself, and its interval."""
    # the bootstrap is of what lies in [0, 1]
    found = mean_over_patients((values - others + 1) / 2, bootstrap)
    value, low, high = (None if end is None else 2 * end - 1 for end in (found.value, found.low, found.high))
    return Estimate(value, low, high, n=found.n, of=found.of, note=found.note)
