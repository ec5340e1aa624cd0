"""The spatial autoregressive network: predict each embedding of a grid from those around it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from monai_sar.losses.prediction_loss import Likelihood
from monai_sar.networks.context_rings import ContextRings
from monai_sar.networks.masked_conv import MaskedConv2d, MaskedConv3d, MaskType

__all__ = ["Mode", "SpatialARNet"]

Mode = Literal["causal", "bidirectional", "standard", "blind_spot"]

# of the paper's modes: (first layer, later layers)
_MASKS: dict[Mode, tuple[MaskType, MaskType]] = {
    "causal": ("A", "B"),
    "bidirectional": ("centre", "none"),
    "standard": ("none", "none"),
}


class SpatialARNet(nn.Module):
    """A stack of masked, dilated convolutions that predicts each embedding from its spatial context [0].

    Modes:
        ``"causal"``: raster order. The output at a position depends on no input at that or a later position,
        whatever the depth.

        ``"bidirectional"``: the first layer blocks the centre, later layers block nothing. The *direct* path from
        an embedding to its own prediction is closed, but from the second layer on the embedding comes back
        through its neighbours: the prediction is not strictly conditional on the others. With ``num_layers=1``
        it is.

        ``"standard"``: nothing blocked; an autoencoder with a spatial bottleneck in its 256 channels only.

        ``"blind_spot"``, not of the paper: all sides, and strict at any depth. The first layer sees rings of neighbours
        (:class:`ContextRings`), the later ones (1 x 1) single positions. What is nearer than the smallest ring has no
        part in a prediction, so that a lesion which covers several patches cannot be predicted from itself.

    A checkpoint of the published code [1] loads as it is (``net.0.weight``, ``net.2.weight``, ..., with or
    without ``mask`` buffers).

    [0]: https://arxiv.org/abs/2603.02974
    [1]: https://github.com/eerdil/spatial-ar-dinov3-uad

    Args:
        spatial_dims: 2 for ``[B, C, H, W]``, 3 for ``[B, C, D, H, W]``.
        in_channels: channels of an embedding.
        hidden_channels: channels between the layers.
        num_layers: convolutions, with ReLU between.
        kernel_size: taps along each axis, odd; with a blind spot of the first layer's.
        dilations: of each layer; the last entry serves all layers that remain. With a blind spot the distances of the
            rings, any number of them, each once.
        mode: what a prediction may see.
        likelihood: ``"mse"`` predicts the mean (a Gaussian of unit variance); ``"gaussian"`` predicts the mean
            and the logarithm of the variance of every channel, and so has twice the output channels.

    Raises:
        ValueError: an unknown mode or likelihood, an even kernel, more dilations than layers, no rings or one twice.

    Example:
        >>> import torch
        >>> from monai_sar.networks import SpatialARNet
        >>> SpatialARNet(spatial_dims=2, in_channels=384)(torch.zeros(1, 384, 28, 28)).shape
        torch.Size([1, 384, 28, 28])
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        hidden_channels: int = 256,
        num_layers: int = 5,
        kernel_size: int = 3,
        dilations: Sequence[int] = (4, 4, 4, 4),
        mode: Mode = "causal",
        likelihood: Likelihood = "mse",
    ) -> None:
        super().__init__()
        if spatial_dims not in (2, 3):
            raise ValueError(f"spatial_dims is {spatial_dims}; expected 2 or 3.")
        if mode not in get_args(Mode):
            raise ValueError(f"Unknown mode '{mode}'; expected one of {', '.join(get_args(Mode))}.")
        if likelihood not in get_args(Likelihood):
            raise ValueError(f"Unknown likelihood '{likelihood}'; expected one of {', '.join(get_args(Likelihood))}.")
        if mode != "blind_spot":
            dilations = _of_each_layer(dilations, num_layers)
        self.likelihood: Likelihood = likelihood
        self.settings: dict[str, Any] = {
            "spatial_dims": spatial_dims,
            "in_channels": in_channels,
            "hidden_channels": hidden_channels,
            "num_layers": num_layers,
            "kernel_size": kernel_size,
            "dilations": list(dilations),
            "mode": mode,
            "likelihood": likelihood,
        }
        out_channels = in_channels * (2 if likelihood == "gaussian" else 1)
        widths = [in_channels, *[hidden_channels] * (num_layers - 1), out_channels]
        convolution = MaskedConv2d if spatial_dims == 2 else MaskedConv3d
        layers: list[nn.Module] = []
        for index, sizes in enumerate(pairwise(widths)):
            if mode != "blind_spot":
                mask_type = _MASKS[mode][min(index, 1)]
                layers.append(convolution(*sizes, kernel_size, dilation=dilations[index], mask_type=mask_type))
            elif index == 0:
                layers.append(ContextRings(spatial_dims, *sizes, kernel_size, distances=dilations))
            else:
                layers.append(convolution(*sizes, 1, dilation=1, mask_type="none"))
            layers.append(nn.ReLU())
        self.net = nn.Sequential(*layers[:-1])  # no ReLU after the last
        # a convolution takes the layout of its weights, and this one is the fastest (benchmarks/README.md)
        channels_last = torch.channels_last if spatial_dims == 2 else torch.channels_last_3d
        self.to(memory_format=channels_last)  # type: ignore[call-overload]

    def forward(self, features: Tensor) -> Tensor:
        """Predict a grid of embeddings.

        Args:
            features: ``[B, C, H, W]`` (or ``[B, C, D, H, W]``).

        Returns:
            The predicted mean, same shape; with ``likelihood="gaussian"`` ``[B, 2C, H, W]``: the means, then the
            logarithms of the variances.
        """
        return self.net(features)  # type: ignore[no-any-return]


def _of_each_layer(dilations: Sequence[int], num_layers: int) -> list[int]:
    if not 1 <= len(dilations) <= num_layers:
        raise ValueError(f"{len(dilations)} dilations for {num_layers} layers: give between 1 and {num_layers}.")
    return [dilations[min(layer, len(dilations) - 1)] for layer in range(num_layers)]
