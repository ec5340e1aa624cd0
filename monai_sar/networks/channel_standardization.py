"""Bring every embedding channel to zero mean and unit variance over normal images."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ChannelStandardization"]


class ChannelStandardization(nn.Module):
    """``(x - mean) / std`` for each channel; mean and std are of the training features and saved with the network.

    Without it the squared error is ruled by the few channels that vary most. Until :meth:`fit` it is the identity (of
    directions).

    Args:
        channels: of an embedding.
        unit_length: first bring every embedding to length 1, so that its direction alone counts.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int, *, unit_length: bool = False) -> None:
        super().__init__()
        self.unit_length = unit_length
        self.register_buffer("mean", torch.zeros(1, channels, 1, 1))
        self.register_buffer("std", torch.ones(1, channels, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Standardise ``[B, C, h, w]``."""
        features = F.normalize(features, dim=1) if self.unit_length else features
        return (features - self.mean) / self.std

    def fit(self, features: Iterable[Tensor]) -> "ChannelStandardization":
        """Take mean and standard deviation over all positions of all grids ``[C, h, w]``, in one pass.

        Raises:
            ValueError: no features, or some that are not finite.
        """
        count = 0
        total = torch.zeros(self.mean.numel(), dtype=torch.float64)
        total_of_squares = torch.zeros_like(total)
        for grid in features:
            values = grid.flatten(1).to("cpu", torch.float64)
            values = F.normalize(values, dim=0) if self.unit_length else values
            count += values.shape[1]
            total += values.sum(1)
            total_of_squares += values.square().sum(1)
        if count == 0 or not bool(torch.isfinite(total_of_squares).all()):
            raise ValueError("Channels cannot be standardised: there are no training features, or some are not finite.")
        mean = total / count
        std = (total_of_squares / count - mean.square()).clamp_min(0).sqrt()
        # a channel that never varies carries nothing: leave it at its mean instead of dividing by zero
        std = torch.where(std > 1e-6, std, torch.ones_like(std))
        self.mean.copy_(mean.view_as(self.mean))
        self.std.copy_(std.view_as(self.std))
        return self
