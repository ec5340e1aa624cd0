"""See what lies around a position at several distances, and nothing nearer."""

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor, nn

from monai_sar.networks.masked_conv import MaskedConv2d, MaskedConv3d

__all__ = ["ContextRings"]


class ContextRings(nn.Module):
    """Sum of convolutions without their centre, one for each distance: ``[B, C, H, W]`` or ``[B, C, D, H, W]``.

    With a kernel of 3 each is a ring of 8 neighbours (in 3D a shell of 26). No output depends on its own position, nor
    on any that is nearer than the smallest distance, along rows, columns and diagonals: a blind spot. Zeros surround
    the grid, whose size is kept.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels in.
        out_channels: channels out.
        kernel_size: odd.
        distances: between taps, in positions; the smallest is the radius of the blind spot.

    Raises:
        ValueError: no distances, or one twice, or one below 1.
    """

    def __init__(
        self, spatial_dims: int, in_channels: int, out_channels: int, kernel_size: int, *, distances: Sequence[int]
    ) -> None:
        super().__init__()
        if not distances or len(set(distances)) < len(distances) or min(distances) < 1:
            raise ValueError(
                f"The distances of the context are {list(distances)}; expected one or more, from 1, each once."
            )
        convolution = MaskedConv2d if spatial_dims == 2 else MaskedConv3d
        self.rings = nn.ModuleList(
            convolution(in_channels, out_channels, kernel_size, dilation=distance, mask_type="centre")
            for distance in distances
        )

    def forward(self, x: Tensor) -> Tensor:
        """Sum the rings."""
        total: Tensor = reduce(torch.add, (ring(x) for ring in self.rings))
        return total
