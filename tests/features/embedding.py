"""Small images, their embeddings, and a detector that counts what it encodes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from monai.transforms import Compose, ScaleIntensityRanged
from PIL import Image

from monai_sar.features import FeatureDataset
from monai_sar.networks import AnomalyDetector
from monai_sar.transforms import (
    ForegroundRegion,
    LoadScand,
    LoadScanMaskd,
    OrientDrawnd,
    OrientSlicesd,
    RegionMaskd,
)

TRANSFORM = Compose(
    [
        LoadScand("image"),
        LoadScanMaskd("label", allow_missing_keys=True),
        OrientSlicesd("image"),
        OrientDrawnd("label", allow_missing_keys=True),
        ScaleIntensityRanged("image", 0, 255, 0, 1),
        RegionMaskd("image", find=ForegroundRegion(level=0.05)),
    ]
)


def write_images(folder: Path, count: int) -> list[dict[str, str]]:
    generator = np.random.default_rng(0)
    items = []
    for index in range(count):
        path = folder / f"{index:02}.png"
        pixels = generator.integers(0, 256, (40, 40 + 10 * (index % 2)), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        items.append({"image": str(path)})
    return items


class CountingDetector(AnomalyDetector):
    """A real detector that counts the images it encodes."""

    encoded = 0

    def embed(self, image: torch.Tensor) -> torch.Tensor:
        """Count, and embed."""
        self.encoded += image.shape[0]
        return super().embed(image)


Open = Callable[..., tuple[FeatureDataset, int]]


def features(dataset: FeatureDataset) -> torch.Tensor:
    return torch.stack([item["features"] for item in dataset])


def stored_files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "features").glob("*/*.safetensors"))
