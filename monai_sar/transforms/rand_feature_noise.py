"""Augmentation in feature space."""

import torch
from torch import Tensor

__all__ = ["RandFeatureNoise"]


class RandFeatureNoise:
    """Add Gaussian noise to a whole batch of embeddings, now and then [0].

    The noise of a channel has ``scale`` times the standard deviation of that channel within its image. It draws
    from torch's generator alone, so the state of one generator is the state of the augmentation.

    [0]: https://arxiv.org/abs/2603.02974

    Args:
        prob: of adding noise to a batch.
        scale: standard deviation of the noise, relative to that of the channel.
    """

    def __init__(self, prob: float = 0.2, scale: float = 0.03) -> None:
        if not 0 <= prob <= 1 or scale < 0:
            raise ValueError(f"Expected prob in [0, 1] and scale >= 0, got prob={prob}, scale={scale}.")
        self.prob = prob
        self.scale = scale

    def __call__(self, features: Tensor) -> Tensor:
        """``[B, C, h, w] -> [B, C, h, w]``; the input itself is never changed."""
        if float(torch.rand(())) >= self.prob:
            return features
        spread = features.std(dim=(-2, -1), keepdim=True)
        return features + self.scale * spread * torch.randn_like(features)
