"""AUPRO, the area under the per-region overlap curve, as a metric of an engine."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from ignite.metrics.metric import reinit__is_reduced
from torch import Tensor

from monai_sar.metrics.lesion_score import label_lesions
from monai_sar.metrics.pixel_ranking import _PixelRanking
from monai_sar.metrics.region_output import pixels_inside, region_mask
from monai_sar.metrics.score_histogram import ScoreHistogram
from monai_sar.scans.plain_tensor import plain_tensor

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
            if len(mask) != 1:
                raise ValueError(f"A mask has shape {tuple(mask.shape)}, expected one channel: [1, H, W].")
            lesion = plain_tensor(mask) != 0
            normal = ~lesion
            lesions = torch.from_numpy(label_lesions(lesion.numpy()))
            if region:
                inside = region_mask(region[0], mask)
                normal &= inside
                lesion &= inside
            # apart, because weights for every voxel of a volume would take twice the memory of its scores
            self._histogram.update(score, lesion, region=normal)
            numbers = pixels_inside(lesions, lesion)
            if len(numbers):
                self._histogram.update(pixels_inside(score, lesion), numbers, weight=_lesion_weights(numbers))

    def _value(self, histogram: ScoreHistogram) -> float:
        return histogram.auroc(self.max_fpr)


def _lesion_weights(lesions: Tensor) -> Tensor:
    """1 / (pixels of its lesion) for each pixel of a lesion, ``[n]``."""
    numbers = lesions.numpy()
    return torch.from_numpy(1 / np.bincount(numbers)[numbers])
