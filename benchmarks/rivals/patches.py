"""Grids of embeddings as rows."""

import torch.nn.functional as F
from torch import Tensor

__all__ = ["patches", "unit_patches"]


def patches(features: Tensor) -> Tensor:
    """``[B, C, h, w]`` as ``[B * h * w, C]``, float32: image by image, row by row."""
    return features.movedim(1, -1).flatten(0, 2).float()


def unit_patches(features: Tensor) -> Tensor:
    """The same, every row of length 1."""
    return F.normalize(patches(features), dim=1)
