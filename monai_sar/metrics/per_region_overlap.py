"""AUPRO, the area under the per-region overlap curve, as a metric of an engine."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from ignite.metrics.metric import reinit__is_reduced
from skimage.measure import label
from torch import Tensor

from monai_sar.metrics.pixel_ranking import _PixelRanking
from monai_sar.metrics.region_output import pixels_inside
from monai_sar.metrics.score_histogram import ScoreHistogram

__all__ = ["PixelAUPRO"]

_Images = Sequence[Tensor] | Tensor


class PixelAUPRO(_PixelRanking):
    """Area under the per-region overlap (PRO) curve up to a false-positive rate of 0.3, divided by it [0, 1].

    At each threshold, the overlap is the share of a lesion's pixels that score at least as much, averaged over the
    lesions of all images: a small one weighs as much as a large one. The false-positive rate is that of all normal
    pixels of all images. A lesion is a connected component of an image's mask; pixels touch at sides and corners
    (8-connectivity, as in MVTec's evaluation code; in a volume 26).

    Each pixel of a lesion of n pixels counts 1/n, so the mean overlap is the true-positive rate of the pixels so
    weighted and AUPRO is the area under their ROC curve: one :class:`ScoreHistogram` holds any number of images.

    Takes ``(scores, masks)`` or ``(scores, masks, regions)``: lists, or batches, of ``[1, H, W]`` of any size. Only
    pixels inside the region (boolean, or 0 and 1) count: lesions are told apart in the whole mask, then clipped to the
    region; one that lies outside is none. Use it with ``output_transform=from_engine(["pred", "label"])``
    or ``from_engine(["pred", "label", "region"])``.

    Args:
        output_transform: from the output of the engine to what :meth:`update` takes.

    [0]: https://arxiv.org/abs/1911.02357
    [1]: https://doi.org/10.1007/s11263-020-01400-4
    """

    max_fpr = 0.3

    def __init__(self, output_transform: Callable[[Any], Any] = lambda output: output) -> None:
        # ignite would take lists apart into pairs, which leaves no place for the region
        super().__init__(output_transform, skip_unrolling=True)

    @reinit__is_reduced
    def update(self, output: tuple[_Images, _Images] | tuple[_Images, _Images, _Images]) -> None:
        """Count the pixels of some images.

        Args:
            output: ``(scores, masks)`` or ``(scores, masks, regions)``.

        Raises:
            ValueError: shapes differ, a mask has several channels, or a score (inside the region) is NaN.
        """
        for score, mask, *region in zip(*output, strict=True):
            lesions = _label_lesions(mask)
            if region:
                score, lesions = pixels_inside(score, *region), pixels_inside(lesions, *region)
            if score.shape != lesions.shape:
                raise ValueError(f"The score map is {tuple(score.shape)}, the mask {tuple(lesions.shape)}.")
            # apart, because weights for every voxel of a volume would take twice the memory of its scores
            of_lesion = lesions > 0
            self._histogram.update(pixels_inside(score, ~of_lesion), lesions[~of_lesion])
            if of_lesion.any():
                numbers = lesions[of_lesion]
                self._histogram.update(pixels_inside(score, of_lesion), numbers, weight=_lesion_weights(numbers))

    def _value(self, histogram: ScoreHistogram) -> float:
        return histogram.auroc(self.max_fpr)


def _label_lesions(mask: Tensor) -> Tensor:
    """1, 2, … in the lesions of a mask ``[1, H, W]`` or ``[1, H, W, D]``, 0 elsewhere."""
    if len(mask) != 1:
        raise ValueError(f"A mask has shape {tuple(mask.shape)}, expected one channel: [1, H, W].")
    lesions = label(mask.numpy(force=True) != 0, connectivity=mask.ndim)
    return torch.from_numpy(lesions)


def _lesion_weights(lesions: Tensor) -> Tensor:
    """1 / (pixels of its lesion) for each pixel of a lesion, ``[n]``."""
    numbers = lesions.numpy()
    return torch.from_numpy(1 / np.bincount(numbers)[numbers])
