"""How an anomaly map agrees with the outline of the lesions of one scan."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from monai_sar.metrics.lesion_score import Lesion, find_lesions
from monai_sar.metrics.ranked_counts import average_precision
from monai_sar.metrics.score_histogram import COARSE_BITS, ScoreHistogram

__all__ = ["LesionAgreement", "dice", "flagged_voxels", "lesion_agreement"]


@dataclass(frozen=True)
class LesionAgreement:
    """What can be told without a threshold, and up to which threshold each lesion is found.

    Attributes:
        voxels: of the whole mask, outside the region too.
        lesions: of the whole mask, connected in all its axes.
        average_precision: of the voxels in the region, scores rounded to 0.4 % of themselves; None without a lesion
            there.
    """

    voxels: int
    lesions: tuple[Lesion, ...]
    average_precision: float | None

    def found(self, threshold: float) -> int:
        """How many lesions are found: at least a tenth of their voxels is flagged."""
        return sum(lesion.score > threshold for lesion in self.lesions)


def lesion_agreement(
    score: npt.NDArray[np.float32], lesions: npt.NDArray[np.integer], region: npt.NDArray[np.bool_]
) -> LesionAgreement:
    """Compare map and lesions of a scan.

    Args:
        score: ``[H, W, D]``, high is anomalous.
        lesions: the same shape, see :func:`monai_sar.metrics.lesion_score.label_lesions`.
        region: the same shape: where scores count.

    Example:
        >>> import numpy as np
        >>> score = np.array([[[0.1], [0.2], [0.9], [0.3]]], np.float32)
        >>> lesions = np.array([[[0], [0], [1], [1]]])
        >>> lesion_agreement(score, lesions, np.ones(score.shape, bool))
        LesionAgreement(voxels=2, lesions=(Lesion(voxels=2, score=0.8999999761581421),), average_precision=1.0)
    """
    precision, of_lesion = None, lesions[region] > 0
    if of_lesion.any():
        histogram = ScoreHistogram(COARSE_BITS)
        histogram.update(torch.from_numpy(score[region]), torch.from_numpy(of_lesion))
        precision = float(average_precision(*histogram.counts.numpy()))
    return LesionAgreement(int(np.count_nonzero(lesions)), find_lesions(score, lesions, region), precision)


def flagged_voxels(score: npt.NDArray[np.floating], lesion: npt.NDArray[np.bool_], threshold: float) -> tuple[int, int]:
    """How many voxels score more than a threshold: normal ones, and those of lesions.

    Args:
        score: any shape; of the voxels in the region alone.
        lesion: the same shape.
        threshold: scores above it are flagged.
    """
    above = score > threshold
    hits = int(np.count_nonzero(above & lesion))
    return int(np.count_nonzero(above)) - hits, hits


def dice(normal: int, hits: int, lesion: int) -> float | None:
    """Dice of what is flagged with the lesions; None for a scan without lesion, of which it says nothing.

    Args:
        normal: flagged voxels that are normal.
        hits: flagged voxels of lesions.
        lesion: voxels of lesions, flagged or not, outside the region too.
    """
    return 2 * hits / (normal + hits + lesion) if lesion else None
