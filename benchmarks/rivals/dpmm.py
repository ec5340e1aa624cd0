"""DPMM: the distance to the nearest mean of a Dirichlet process mixture."""

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from benchmarks.rivals.nearest_cosine import nearest_cosine
from benchmarks.rivals.patches import draw_patches, unit_patches
from benchmarks.rivals.rival import Rival
from benchmarks.rivals.stick_breaking_mixture import StickBreakingMixture

__all__ = ["DPMM"]

PATCHES_PER_STEP = 12 * 32 * 32
"""Of 12 images of 448 px in DINOv2 of patch size 14."""


class DPMM(Rival):
    """Clusters of normal embeddings by a Dirichlet process mixture [0].

    As in the paper and its published configuration for brain MRI: embeddings at length 1; a stick-breaking mixture of
    at most 500 Gaussians with diagonal covariances; online EM, a fifth of the way per step, 12,288 patches a step in
    whole images in random order, concentration 2 at first and then fitted; a patch scores 1 - cos to the nearest mean
    of a component with a weight above 1e-6.

    Our reading: the means begin at patches of all training images and not of the first few; the last pass counts, where
    the paper makes 40 and keeps the one with the highest likelihood of normal validation images, which ``fit`` does not
    see; sticks are cut off at 1, which the published formula may exceed once the concentration falls below 1. The paper
    scores no whole images: here it is the highest score of a patch.

    Args:
        components: the most there may be.
        passes: over all training images.
        seed: of the first means and sticks, and of the order of images.

    [0]: Schulthess & Konukoglu, Anomaly Detection by Clustering DINO Embeddings using a Dirichlet Process Mixture,
    https://arxiv.org/abs/2509.19997, https://github.com/NicoSchulthess/anomalydino-dpmm
    """

    name = "DPMM"

    def __init__(self, *, components: int = 500, passes: int = 10, seed: int = 0) -> None:
        self.components = components
        self.passes = passes
        self.seed = seed

    def fit(self, features: Tensor) -> None:
        """Fit the mixture and keep the directions of its means."""
        generator = torch.Generator().manual_seed(self.seed)
        means = F.normalize(draw_patches(features, self.components, generator), dim=1)
        mixture = StickBreakingMixture(means, means.var(0), rate=0.2, concentration=2.0, generator=generator)
        images_per_step = max(1, round(PATCHES_PER_STEP / features[0, 0].numel()))
        for _ in tqdm(range(self.passes), desc="online EM", unit="pass", leave=False):
            for index in torch.split(torch.randperm(len(features), generator=generator), images_per_step):
                mixture.step(unit_patches(features[index]))
        self.bank = F.normalize(mixture.means[mixture.log_weights().exp() > 1e-6], dim=1)

    def score(self, features: Tensor) -> Tensor:
        """Cosine distance to the nearest mean."""
        return nearest_cosine(features, self.bank)
