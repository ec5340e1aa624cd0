"""AnomalyDINO with a bank that a CPU can search."""

import torch
from torch import Tensor

from benchmarks.rivals.anomaly_dino import AnomalyDINO
from benchmarks.rivals.patches import draw_patches

__all__ = ["SampledAnomalyDINO"]


class SampledAnomalyDINO(AnomalyDINO):
    """AnomalyDINO that keeps a part of the training patches, which is **not in the paper**.

    Args:
        rows: at most so many patches are kept, drawn at random.
        seed: of the draw.
    """

    def __init__(self, *, rows: int, seed: int = 0) -> None:
        self.rows = rows
        self.seed = seed

    def fit(self, features: Tensor) -> None:
        """Keep what is drawn."""
        drawn = draw_patches(features, self.rows, torch.Generator().manual_seed(self.seed))
        super().fit(drawn.T[None, :, :, None])
