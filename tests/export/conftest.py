"""Detectors that are quick to export: the first blocks of an encoder, and few channels."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from monai_sar.networks import AnomalyDetector, DINOv3Encoder, SpatialARNet

__all__ = ["GRIDS", "IMAGES", "Run", "make_detector", "worst_difference"]

Run = Callable[[Tensor], Tensor]

IMAGES = [
    (1, 1, 48, 80),
    (3, 1, 80, 48),
    (2, 1, 50, 83),
    (1, 1, 7, 300),
    (1, 1, 513, 511),
    (2, 1, 200, 31),
    (1, 1, 1, 1),
]
"""One and several, wide and tall, as large as the box, smaller, much larger, odd."""

GRIDS = [(1, 5, 8), (3, 28, 28), (2, 9, 14), (1, 1, 1), (1, 64, 3)]
"""Batch, rows and columns of embeddings."""


def make_detector(encoder: DINOv3Encoder, **settings: Any) -> AnomalyDetector:
    """A detector of a 48 x 80 box that standardises by statistics which are not the identity."""
    of_network = {key: settings.pop(key) for key in ("likelihood", "mode") if key in settings}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = SpatialARNet(2, encoder.channels, 16, 3, dilations=[2, 1], **of_network)
        detector = AnomalyDetector(
            encoder, network, **{"image_size": (48, 80), "feature_scaling": "whiten", "smoothing": 0.7, **settings}
        )
        detector.fit_scaling(torch.randn(4, encoder.channels, 4, 4) * 3 + 1)
        detector.witnesses.fit(*torch.empty(2, 1000).exponential_())
    return detector.eval()


def worst_difference(module: Run, run: Run, inputs: list[Tensor]) -> float:
    """Between PyTorch and a file, over all inputs, as a share of the largest value."""
    worst = 0.0
    for x in inputs:
        with torch.no_grad():
            expected = module(x)
        found = run(x)
        assert found.shape == expected.shape
        assert found.dtype == torch.float32
        worst = max(worst, float(((found - expected).abs().max() / expected.abs().max()).detach()))
    return worst


@pytest.fixture(scope="session")
def vit() -> DINOv3Encoder:
    """A plain ViT, two of its blocks concatenated."""
    return DINOv3Encoder("vit_tiny_patch16_224", weights="random", layers=[2, 0])


@pytest.fixture(scope="session")
def dinov3() -> DINOv3Encoder:
    """A DINOv3 ViT with rotary positions, to its second block."""
    return DINOv3Encoder("vit_small_patch16_dinov3", weights="random", layers=[1])
