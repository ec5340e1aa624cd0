"""Average the scores of neighbouring slices."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["SliceSmoothing"]


class SliceSmoothing:
    """Gaussian filter of the scores of a volume across its slices.

    A lesion goes on in the next slice, the accidents of single predictions do not (benchmarks/README.md). The filter is
    in mm, because slices lie from 0.5 to 8 mm apart: the same scan in other slices has the same map. Slices that were
    not scored neither give nor take, and the ends are not pulled down: the weights of every slice sum to 1.

    Args:
        sigma: standard deviation in mm; 0 leaves the scores as they are.

    Raises:
        ValueError: it is negative, or no number.

    Example:
        >>> import torch
        >>> from monai_sar.networks import SliceSmoothing
        >>> maps = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0]).view(1, 1, 5)
        >>> SliceSmoothing(3.0)(maps, apart=3.0, scored=[1, 2, 3, 4])[0, 0].round(decimals=2)
        tensor([0.0000, 0.3500, 0.4300, 0.2600, 0.0800])
    """

    def __init__(self, sigma: float = 0) -> None:
        if not 0 <= sigma < math.inf:
            raise ValueError(f"The smoothing across slices is {sigma} mm; expected 0 (none) or more.")
        self.sigma = float(sigma)

    def __call__(self, maps: Tensor, *, apart: float, scored: Sequence[int]) -> Tensor:
        """Filter the maps of a volume, row by row of its slices: memory is that of one row.

        Args:
            maps: ``[H, W, D]``; changed in place.
            apart: mm between the centres of two slices.
            scored: indices along D of the slices that have a map.

        Returns:
            ``maps``.
        """
        if self.sigma == 0 or len(scored) < 2:
            return maps
        index = torch.as_tensor(scored)
        position = index.double() * (apart / self.sigma)
        weights = torch.exp(-(position[:, None] - position[None]).square() / 2)
        weights = (weights / weights.sum(0, keepdim=True)).to(maps)
        with torch.autocast(maps.device.type, enabled=False):  # weights are no features: they stay exact
            for row in maps:  # [W, D]
                row[:, index] = row[:, index] @ weights
        return maps
