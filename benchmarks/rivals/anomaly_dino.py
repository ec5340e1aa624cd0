"""AnomalyDINO: the distance to the nearest training patch."""

import torch
from torch import Tensor

from benchmarks.rivals.nearest_cosine import nearest_cosine
from benchmarks.rivals.patches import unit_patches
from benchmarks.rivals.rival import Rival

__all__ = ["AnomalyDINO"]


class AnomalyDINO(Rival):
    """AnomalyDINO [0] without its masks and rotations, which are for photographs of objects.

    Every training patch is kept, at length 1. A patch scores 1 - cos to the nearest of them (k = 1, exact); an image
    the mean of its highest 1 % of patches, at least of one. The map is upsampled bilinearly and smoothed.

    [0]: Damm et al., AnomalyDINO: Boosting Patch-based Few-shot Anomaly Detection with DINOv2,
    https://arxiv.org/abs/2405.14529
    """

    name = "AnomalyDINO"
    smoothing = 4.0

    def fit(self, features: Tensor) -> None:
        """Keep all patches."""
        images, channels, *grid = features.shape
        patches_per_image = grid[0] * grid[1]
        self.bank = torch.empty(images * patches_per_image, channels)
        for image, rows in zip(torch.split(features, 1), torch.split(self.bank, patches_per_image), strict=True):
            rows.copy_(unit_patches(image))

    def score(self, features: Tensor) -> Tensor:
        """Cosine distance to the nearest kept patch."""
        return nearest_cosine(features, self.bank)

    def image_score(self, features: Tensor, scores: Tensor) -> Tensor:
        """Mean of the highest 1 % of the scores, rounded down: of 7 of 784."""
        of_patches = scores.flatten(1)
        return of_patches.topk(max(1, int(0.01 * of_patches.shape[1])), dim=1).values.mean(1)
