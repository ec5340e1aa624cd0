"""Embeddings as of a ViT: every patch is near one of a few directions."""

import torch
from torch import Tensor

CHANNELS = 16


def directions(count: int = 5, *, seed: int = 0) -> Tensor:
    """Orthogonal ones of length 1, ``[count, C]``."""
    columns: Tensor = torch.linalg.qr(torch.randn(CHANNELS, count, generator=torch.Generator().manual_seed(seed))).Q
    return columns.T


def clustered(centres: Tensor, *, images: int, grid: int = 6, noise: float = 0.02, seed: int = 0) -> Tensor:
    """Grids ``[images, C, grid, grid + 1]``: every patch a noisy centre of any length from 1 to 2."""
    generator = torch.Generator().manual_seed(seed)
    shape = (images, grid, grid + 1)
    rows = centres[torch.randint(len(centres), shape, generator=generator)]
    rows = rows + noise * torch.randn(*shape, CHANNELS, generator=generator)
    return (rows * (1 + torch.rand(*shape, 1, generator=generator))).movedim(-1, 1)
