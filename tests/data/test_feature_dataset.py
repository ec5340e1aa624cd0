"""Embeddings: encoded once, never stale."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.transforms import Compose, ScaleIntensityRanged
from PIL import Image

from monai_sar.data import FeatureDataset
from monai_sar.networks import AnomalyDetector, DINOv3Encoder, SpatialARNet
from monai_sar.transforms import LoadSliced
from monai_sar.transforms.load_slice import ImageReadError

TRANSFORM = Compose([LoadSliced("image"), ScaleIntensityRanged("image", 0, 255, 0, 1)])


@pytest.fixture
def images(tmp_path: Path) -> list[dict[str, str]]:
    """Twenty images, more than one encoder batch, of two sizes."""
    generator = np.random.default_rng(0)
    items = []
    for index in range(20):
        path = tmp_path / f"{index:02}.png"
        pixels = generator.integers(0, 256, (40, 40 + 10 * (index % 2)), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        items.append({"image": str(path)})
    return items


@pytest.fixture(scope="module")
def encoder() -> DINOv3Encoder:
    return DINOv3Encoder("vit_tiny_patch16_224", weights="random")


class CountingDetector(AnomalyDetector):
    """A real detector that counts the images it encodes."""

    encoded = 0

    def embed(self, image: torch.Tensor) -> torch.Tensor:
        """Count, and embed."""
        self.encoded += image.shape[0]
        return super().embed(image)


def make_detector(encoder: DINOv3Encoder, **settings: Any) -> CountingDetector:
    return CountingDetector(encoder, SpatialARNet(2, 192), **{"image_size": (32, 48), **settings})


def test_features_are_those_of_the_detector_to_float16(
    tmp_path: Path, images: list[dict[str, str]], encoder: DINOv3Encoder
) -> None:
    detector = make_detector(encoder)
    dataset = FeatureDataset(images, TRANSFORM, detector=detector, cache_dir=tmp_path / "features")
    assert len(dataset) == len(list(dataset)) == 20
    for index in (0, 1, 19):
        features = dataset[index]["features"]
        assert features.dtype == torch.float32
        assert features.shape == (192, 2, 3)
        expected = detector.embed(TRANSFORM(images[index])["image"][None].as_tensor())[0]
        torch.testing.assert_close(features, expected, atol=1e-5, rtol=2**-10)


def test_the_encoder_sees_every_image_once(
    tmp_path: Path, images: list[dict[str, str]], encoder: DINOv3Encoder
) -> None:
    detector = make_detector(encoder)
    for _ in range(3):
        dataset = FeatureDataset(images, TRANSFORM, detector=detector, cache_dir=tmp_path / "features")
        for _ in range(2):
            list(dataset)
    assert detector.encoded == 20
    assert isinstance(dataset.features, np.memmap)


def test_a_changed_image_or_setting_is_encoded_again(
    tmp_path: Path, images: list[dict[str, str]], encoder: DINOv3Encoder
) -> None:
    cache = tmp_path / "features"
    detector = make_detector(encoder)
    before = FeatureDataset(images, TRANSFORM, detector=detector, cache_dir=cache)[3]["features"]

    Image.fromarray(np.zeros((40, 50), np.uint8)).save(images[3]["image"])
    after = FeatureDataset(images, TRANSFORM, detector=detector, cache_dir=cache)[3]["features"]
    assert detector.encoded == 40
    assert not torch.equal(before, after)

    other_encoder = DINOv3Encoder("vit_tiny_patch16_224", weights="random", seed=1)
    for changed in (
        make_detector(encoder, image_size=(32, 32)),
        make_detector(encoder, preprocessing={"level": 0.5}),
        make_detector(other_encoder),
    ):
        FeatureDataset(images, TRANSFORM, detector=changed, cache_dir=cache)
        assert changed.encoded == 20


def test_an_error_in_the_middle_leaves_no_file(
    tmp_path: Path, images: list[dict[str, str]], encoder: DINOv3Encoder
) -> None:
    Path(images[18]["image"]).write_bytes(b"not an image")
    with pytest.raises(RuntimeError) as error:  # MONAI's Compose wraps what its transforms raise
        FeatureDataset(images, TRANSFORM, detector=make_detector(encoder), cache_dir=tmp_path / "features")
    assert isinstance(error.value.__cause__, ImageReadError)
    assert "18.png" in str(error.value.__cause__)
    assert list((tmp_path / "features").iterdir()) == []


def test_no_images_is_an_error(tmp_path: Path, encoder: DINOv3Encoder) -> None:
    with pytest.raises(ValueError, match="no images"):
        FeatureDataset([], TRANSFORM, detector=make_detector(encoder), cache_dir=tmp_path)
