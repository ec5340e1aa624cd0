"""The AR network as it is published: dense masked convolutions [0], to measure against.

[0]: https://github.com/eerdil/spatial-ar-dinov3-uad
"""

import torch.nn.functional as F
from torch import Tensor, nn

from monai_sar.networks import MaskedConv2d, SpatialARNet, kernel_mask
from monai_sar.networks.masked_conv import MaskType

__all__ = ["published_network"]


class DenseMaskedConv2d(nn.Conv2d):
    """All taps are multiplied, the blocked ones by 0."""

    mask: Tensor

    def __init__(self, in_channels: int, out_channels: int, *, dilation: int, mask_type: MaskType) -> None:
        super().__init__(in_channels, out_channels, 3, padding=dilation, dilation=dilation)
        self.register_buffer("mask", kernel_mask(3, 2, mask_type), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``[B, C, H, W]``."""
        return F.conv2d(x, self.weight * self.mask, self.bias, 1, self.padding, self.dilation)


def published_network(network: SpatialARNet) -> nn.Sequential:
    """The same causal network of 3 x 3 kernels, with the same weights, in dense convolutions and PyTorch's layout."""
    layers: list[nn.Module] = []
    for sparse in network.net:
        if isinstance(sparse, MaskedConv2d):
            mask_type: MaskType = "B" if layers else "A"
            channels = sparse.in_channels, sparse.out_channels
            layers += [DenseMaskedConv2d(*channels, dilation=sparse.dilation[0], mask_type=mask_type), nn.ReLU()]
    dense = nn.Sequential(*layers[:-1])
    dense.load_state_dict(network.net.state_dict())
    return dense
