"""Bring MR intensities, which have no unit, to a common scale."""

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, Transform
from torch import Tensor

__all__ = ["MRIIntensity", "MRIIntensityd"]

_OUTLIERS = 0.001
"""Share of the values, at either end, that may be outliers."""

_FAR_OUT = 100.0
"""Outliers lie this many times farther out than all others reach. No tissue does, so that no sound scan changes."""


class MRIIntensity(Transform):
    """Scale so that a percentile of the foreground gets a fixed level, and clip to [0, 1].

    MR signal is arbitrary up to a factor that changes with scanner and sequence. A percentile *inside the
    foreground* fixes that factor whatever share of the image is air. The foreground is what is brighter than the
    mean, which in a head with air around it is tissue. Single voxels far out of all others' range, as broken
    detectors and wrong conversions leave them, are first cut to that range: one of 1e9 would be the whole foreground.

    Works on whatever it is given: a slice or a whole volume.

    Args:
        percentile: of the foreground, in (0, 100].
        level: in (0, 1], what that percentile becomes.

    Raises:
        ValueError: percentile or level out of range.

    Example:
        >>> import torch
        >>> from monai_sar.transforms import MRIIntensity
        >>> MRIIntensity(percentile=100, level=1.0)(torch.tensor([[[0.0, 300.0, 600.0]]]))
        tensor([[[0.0000, 0.5000, 1.0000]]])
    """

    def __init__(self, *, percentile: float, level: float) -> None:
        if not 0 < percentile <= 100 or not 0 < level <= 1:
            raise ValueError(f"Expected a percentile in (0, 100] and a level in (0, 1], got {percentile} and {level}.")
        self.percentile = percentile
        self.level = level

    def __call__(self, image: Tensor) -> Tensor:
        """Scale ``[C, H, W]`` or ``[C, H, W, D]``; an image of one value becomes 0 everywhere."""
        shifted = _without_outliers(image.to(torch.float32))
        shifted = shifted - shifted.min()
        foreground = shifted[shifted > shifted.mean()]
        if foreground.numel() == 0:
            return shifted
        # kthvalue, because torch.quantile refuses more than 16 million values
        rank = max(1, round(self.percentile / 100 * foreground.numel()))
        reference = foreground.kthvalue(rank).values
        return (shifted * (self.level / reference)).clamp(0, 1)


def _without_outliers(image: Tensor) -> Tensor:
    """Cut what lies farther out than any tissue could, where no more than a thousandth of the values do."""
    values, rest = image.flatten(), round(_OUTLIERS * image.numel())
    if rest == 0:
        return image
    low = values.kthvalue(1 + rest).values
    high = values.kthvalue(image.numel() - rest).values
    reach = _FAR_OUT * (high - low)
    sound = values[(values >= low - reach) & (values <= high + reach)]
    return image if reach == 0 or len(sound) == len(values) else image.clamp(sound.min(), sound.max())


class MRIIntensityd(MapTransform):
    """Dictionary version of :class:`MRIIntensity`.

    Args:
        keys: of the images.
        percentile: of the foreground.
        level: what that percentile becomes.
        allow_missing_keys: whether a key may be absent.
    """

    def __init__(
        self, keys: KeysCollection, *, percentile: float, level: float, allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.transform = MRIIntensity(percentile=percentile, level=level)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Scale the images of an item."""
        scaled = dict(data)
        for key in self.key_iterator(scaled):
            scaled[key] = self.transform(scaled[key])
        return scaled
