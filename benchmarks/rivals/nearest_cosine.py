"""Exact nearest neighbour by cosine, in bounded memory."""

import torch
from torch import Tensor

from benchmarks.rivals.patches import unit_patches

__all__ = ["CHUNK", "nearest_cosine"]

CHUNK = 16_384
"""Rows of the bank that are compared at a time: with QUERIES 64 MiB of similarities."""

QUERIES = 1024
"""Patches that are compared at a time."""


def nearest_cosine(features: Tensor, bank: Tensor, *, chunk: int = CHUNK) -> Tensor:
    """Cosine distance, 0 to 2, of every patch to its nearest row.

    Args:
        features: ``[B, C, h, w]`` of any length.
        bank: ``[M, C]``, float32, rows of length 1.
        chunk: rows of the bank that are compared at a time.

    Returns:
        ``[B, 1, h, w]``.
    """
    nearest = [_highest_cosine(part, bank, chunk) for part in torch.split(unit_patches(features), QUERIES)]
    return (1 - torch.cat(nearest)).clamp_min(0).view(len(features), 1, *features.shape[2:])


def _highest_cosine(queries: Tensor, bank: Tensor, chunk: int) -> Tensor:
    highest = torch.full((len(queries),), -1.0)
    for part in torch.split(bank, chunk):
        highest = torch.maximum(highest, (queries @ part.T).amax(1))
    return highest
