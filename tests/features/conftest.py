"""Twenty images, an encoder, and a dataset of them on one folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from monai_sar.features import FeatureDataset
from monai_sar.networks import DINOv3Encoder, SpatialARNet
from tests.features.embedding import TRANSFORM, CountingDetector, Open, write_images


@pytest.fixture
def images(tmp_path: Path) -> list[dict[str, str]]:
    """Twenty images, more than one encoder batch, of two sizes."""
    return write_images(tmp_path, 20)


@pytest.fixture(scope="module")
def encoder() -> DINOv3Encoder:
    return DINOv3Encoder("vit_tiny_patch16_224", weights="random")


@pytest.fixture
def open_dataset(tmp_path: Path, encoder: DINOv3Encoder) -> Open:
    """Open a dataset on one folder, with a detector of its own; returns how many images were encoded, too."""

    def open_dataset(
        items: list[dict[str, str]],
        *,
        transform: Callable[[Any], Any] = TRANSFORM,
        encoder: DINOv3Encoder = encoder,
        store: str = "disk",
        slices: Callable[..., Any] | None = None,
        **settings: Any,
    ) -> tuple[FeatureDataset, int]:
        detector = CountingDetector(encoder, SpatialARNet(2, 192), **{"image_size": (32, 48), **settings})
        folder = tmp_path / "features"
        dataset = FeatureDataset(items, transform, detector=detector, cache_dir=folder, store=store, slices=slices)
        return dataset, detector.encoded

    return open_dataset
