"""What is kept of each image once its map is gone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from torch import Tensor

from monai_sar.evaluation.pixel_counts import count_pixels
from monai_sar.metrics.anomaly_score import TOP_FRACTION, top_mean
from monai_sar.metrics.lesion_score import Lesion, find_lesions, label_lesions

__all__ = ["ImageMeasurement", "measure_image"]


@dataclass(frozen=True, eq=False)
class ImageMeasurement:
    """One image: some ten kilobytes, whatever its size.

    Attributes:
        score: the mean of the highest 1 % of the map in the region.
        region_pixels: pixels that are scored: normal ones and those of lesions, ``[2]``.
        lesion_pixels: of the whole mask, outside the region too.
        flagged: ``[T, 2]``: pixels of the region above each threshold: normal ones and those of lesions.
        lesions: of the whole mask.
        inside: pixels in the region by score, see :func:`count_pixels`.
        everywhere: all pixels by score.
    """

    score: float
    region_pixels: npt.NDArray[np.int64]
    lesion_pixels: int
    flagged: npt.NDArray[np.int64]
    lesions: tuple[Lesion, ...]
    inside: sparse.csr_array
    everywhere: sparse.csr_array


def measure_image(score: Tensor, mask: Tensor, region: Tensor, *, thresholds: Sequence[float] = ()) -> ImageMeasurement:
    """Measure one image.

    Args:
        score: anomaly map ``[1, H, W]``, high is anomalous.
        mask: the same shape, not 0 in lesions.
        region: the same shape, not 0 where scores count.
        thresholds: scores above which a pixel is flagged.

    Raises:
        ValueError: shapes differ, the region is empty, or a score is not finite.
    """
    if not score.shape == mask.shape == region.shape or score.ndim != 3 or len(score) != 1:
        raise ValueError(
            f"Found a map of shape {tuple(score.shape)}, a mask of {tuple(mask.shape)} and a region of "
            f"{tuple(region.shape)}; expected [1, H, W] for each."
        )
    values = score.float().numpy(force=True)[0]
    inside, lesion = region.numpy(force=True)[0] != 0, mask.numpy(force=True)[0] != 0
    lesions = label_lesions(lesion) if lesion.any() else np.zeros(lesion.shape, np.int64)
    scored, of_lesion = values[inside], lesion[inside]
    pixels = np.array([(~of_lesion).sum(), of_lesion.sum()])
    above = [np.array([(scored > level).sum(), (scored[of_lesion] > level).sum()]) for level in thresholds]
    flagged = np.array([[every - hits, hits] for every, hits in above], np.int64).reshape(-1, 2)
    return ImageMeasurement(
        score=top_mean(score, TOP_FRACTION, foreground=region),
        region_pixels=pixels,
        lesion_pixels=int(lesion.sum()),
        flagged=flagged,
        lesions=find_lesions(values, lesions, inside),
        inside=count_pixels(values, lesions, inside),
        everywhere=count_pixels(values, lesions),
    )
