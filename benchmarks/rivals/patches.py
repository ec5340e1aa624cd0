"""Grids of embeddings as rows."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

__all__ = ["draw_patches", "patches", "unit_patches"]


def patches(features: Tensor) -> Tensor:
    """``[B, C, h, w]`` as ``[B * h * w, C]``, float32: image by image, row by row."""
    return features.movedim(1, -1).flatten(0, 2).float()


def unit_patches(features: Tensor) -> Tensor:
    """The same, every row of length 1."""
    return F.normalize(patches(features), dim=1)


def draw_patches(features: Tensor, count: int, generator: Generator) -> Tensor:
    """At most ``count`` patches of ``[B, C, h, w]``, drawn at random, none twice: ``[count, C]``, float32."""
    images, _, height, width = features.shape
    drawn = torch.randperm(images * height * width, generator=generator)[:count]
    image, row, column = torch.unravel_index(drawn, (images, height, width))
    return features[image, :, row, column].float()
