"""Embeddings: encoded once, never stale, whatever else happens."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import DataLoader
from monai.transforms import Compose, Lambdad, RandGaussianNoised
from PIL import Image

from monai_sar.features import FeatureDataset, SliceChoice
from monai_sar.features.feature_store import FeatureStore, FeatureStoreError
from monai_sar.networks import AnomalyDetector, DINOv3Encoder, SpatialARNet
from monai_sar.scans import ScanError, ScanOrigin
from tests.calibration.conftest import write_volume
from tests.features.embedding import TRANSFORM, Open, features, stored_files


@pytest.mark.parametrize(("store", "tolerance"), [("disk", 2**-11), ("memory", 1e-5)])
def test_features_are_those_of_the_detector(
    store: str, tolerance: float, images: list[dict[str, str]], encoder: DINOv3Encoder, open_dataset: Open
) -> None:
    dataset, _ = open_dataset(images, store=store)
    assert len(dataset) == len(list(dataset)) == 20
    detector = AnomalyDetector(encoder, SpatialARNet(2, 192), image_size=(32, 48))
    for index in (0, 1, 19):
        grid = dataset[index]["features"]
        assert grid.dtype == torch.float32
        assert grid.shape == (192, 2, 3)
        expected = detector.embed(TRANSFORM(images[index])["image"][None, ..., 0].as_tensor())[0]
        torch.testing.assert_close(grid, expected, atol=1e-5, rtol=tolerance)
    with pytest.raises(IndexError):
        dataset[20]


def test_the_encoder_sees_every_image_once(images: list[dict[str, str]], open_dataset: Open) -> None:
    first, encoded = open_dataset(images)
    assert encoded == 20
    second, encoded = open_dataset(images)
    assert encoded == 0
    torch.testing.assert_close(features(first), features(second), atol=0, rtol=0)


def test_an_image_is_encoded_once_for_all_sets(images: list[dict[str, str]], open_dataset: Open) -> None:
    assert open_dataset(images[:7])[1] == 7
    whole, encoded = open_dataset(images)
    assert encoded == 13
    shuffled, encoded = open_dataset(images[::-1])
    assert encoded == 0
    torch.testing.assert_close(features(shuffled).flip(0), features(whole), atol=0, rtol=0)


def test_equal_images_are_encoded_together(images: list[dict[str, str]], open_dataset: Open) -> None:
    dataset, encoded = open_dataset([*images[:3], images[0]])
    assert encoded == 3
    torch.testing.assert_close(dataset[3], dataset[0], atol=0, rtol=0)


def test_only_a_changed_image_is_encoded_again(images: list[dict[str, str]], open_dataset: Open) -> None:
    before = features(open_dataset(images)[0])
    Image.fromarray(np.eye(40, 50, dtype=np.uint8) * 200 + 20).save(images[3]["image"])
    changed, encoded = open_dataset(images)
    assert encoded == 1
    differs = (features(changed) != before).flatten(1).any(1)
    assert differs.nonzero().flatten().tolist() == [3]


def test_a_changed_setting_is_encoded_again(images: list[dict[str, str]], open_dataset: Open) -> None:
    open_dataset(images)
    for changed in (
        {"image_size": (32, 32)},
        {"keep_aspect_ratio": False},
        {"preprocessing": {"level": 0.5}},
        {"encoder": DINOv3Encoder("vit_tiny_patch16_224", weights="random", seed=1)},
    ):
        assert open_dataset(images, **changed)[1] == 20


def test_a_changed_transform_is_encoded_again_though_no_setting_tells(
    images: list[dict[str, str]], open_dataset: Open
) -> None:
    open_dataset(images)
    darker = Compose([TRANSFORM, Lambdad("image", lambda image: image * 0.5)])
    assert open_dataset(images, transform=darker)[1] == 20


def test_a_random_transform_is_an_error_before_anything_is_encoded(
    tmp_path: Path, images: list[dict[str, str]], open_dataset: Open
) -> None:
    noisy = Compose([TRANSFORM, Compose([RandGaussianNoised("image", prob=1.0)])])
    for store in ("disk", "memory"):
        with pytest.raises(ValueError, match="Found RandGaussianNoised in the preprocessing; expected no random"):
            open_dataset(images, transform=noisy, store=store)
    assert not stored_files(tmp_path)


def test_damaged_files_are_told_and_encoded_again(
    tmp_path: Path, images: list[dict[str, str]], open_dataset: Open, caplog: pytest.LogCaptureFixture
) -> None:
    before = features(open_dataset(images)[0])
    flipped, cut, empty, missing = stored_files(tmp_path)[:4]
    content = bytearray(flipped.read_bytes())
    content[-100] ^= 1
    flipped.write_bytes(content)
    cut.write_bytes(cut.read_bytes()[:-1])
    empty.write_bytes(b"")
    missing.unlink()
    with caplog.at_level(logging.INFO):
        dataset, encoded = open_dataset(images)
    assert encoded == 4
    assert "3 files in" in caplog.text
    assert "damaged" in caplog.text
    assert "Took 20 slices of 20 scans, left out 0" in caplog.text
    assert "Encoded 4 of them now" in caplog.text
    # alone or in a batch, an image differs in the last bit of float32, and so of float16 now and then
    torch.testing.assert_close(features(dataset), before, atol=1e-5, rtol=2**-10)
    assert open_dataset(images)[1] == 0


def test_a_store_that_is_cleared_in_use_is_told(
    tmp_path: Path, images: list[dict[str, str]], open_dataset: Open
) -> None:
    dataset, _ = open_dataset(images)
    for path in stored_files(tmp_path):
        path.unlink()
    with pytest.raises(FeatureStoreError, match="cleared.*Start again"):
        next(iter(DataLoader(dataset, batch_size=4)))


@pytest.mark.parametrize("store", ["disk", "memory"])
def test_a_damaged_scan_is_named_and_what_was_encoded_stays(
    store: str, tmp_path: Path, images: list[dict[str, str]], open_dataset: Open
) -> None:
    Path(images[18]["image"]).write_bytes(b"not an image")
    with pytest.raises(RuntimeError) as error:  # MONAI's Compose wraps what its transforms raise
        open_dataset(images, store=store)
    assert isinstance(error.value.__cause__, ScanError)
    assert "18.png" in str(error.value.__cause__)
    assert len(stored_files(tmp_path)) == (16 if store == "disk" else 0)  # one batch
    del images[18]
    assert open_dataset(images)[1] == (3 if store == "disk" else 19)


@pytest.mark.parametrize("store", ["disk", "memory"])
def test_scans_that_cannot_be_embedded_are_named(store: str, images: list[dict[str, str]], open_dataset: Open) -> None:
    spoilt = Compose([TRANSFORM, Lambdad("image", lambda image: image * (torch.nan if image.mean() > 0.505 else 1))])
    with pytest.raises(ValueError, match=r"Embeddings of .*\.png are not finite"):
        open_dataset(images, transform=spoilt, store=store, slices=lambda item: [0])
    flat = Compose([TRANSFORM, Lambdad("image", lambda image: image[0])])
    with pytest.raises(ValueError, match=r"00\.png an array of shape \(40, 40, 1\); expected 1 or 3 channels"):
        open_dataset(images, transform=flat, store=store)
    with pytest.raises(ValueError, match=r"differ in size: \[\(40, 40\), \(40, 50\)\]. Give an image_size"):
        open_dataset(images, store=store, image_size=None)


def test_wrong_use_is_told(open_dataset: Open, images: list[dict[str, str]]) -> None:
    with pytest.raises(ValueError, match="no scans"):
        open_dataset([])
    with pytest.raises(ValueError, match="'disc'; expected 'disk' or 'memory'"):
        open_dataset(images, store="disc")


def test_the_size_is_told_before_the_encoding_and_right(
    tmp_path: Path, images: list[dict[str, str]], open_dataset: Open, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        open_dataset(images[:4], image_size=(240, 410))
    size = 4 * 192 * 15 * 26 * 2  # 410 px are 26 patches of 16 px
    before, after = [record.getMessage() for record in caplog.records if "monai_sar.features" in record.name]
    assert f"about {size / 2**20:.1f} MiB in {tmp_path}" in before
    assert "1 slices in each of 4 scans" in before
    assert f"Encoded 4 of them now ({size / 2**20:.1f} MiB" in after
    written = sum(path.stat().st_size for path in stored_files(tmp_path))
    assert size < written < 1.01 * size
    caplog.clear()
    open_dataset(images[:4], image_size=(240, 410))
    assert "about" not in caplog.text  # nothing is to be encoded


class SmallDisk(FeatureStore):
    """A store on a disk of which this much is free."""

    free_bytes = 5 * 192 * 2 * 3 * 2


def test_a_disk_that_is_too_small_is_told_before_the_encoding(
    images: list[dict[str, str]], open_dataset: Open, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monai_sar.features.feature_dataset.FeatureStore", SmallDisk)
    with pytest.raises(FeatureStoreError, match="No space left"):  # for one batch of 16
        open_dataset(images)
    monkeypatch.setattr(SmallDisk, "free_bytes", 16 * 192 * 2 * 3 * 2)
    assert open_dataset(images)[1] == 20
    assert "more than the 0.0 MiB that are free" in caplog.text


def test_workers_read_the_store(images: list[dict[str, str]], open_dataset: Open) -> None:
    dataset, _ = open_dataset(images)
    batches = [batch["features"] for batch in DataLoader(dataset, batch_size=8, num_workers=1)]
    torch.testing.assert_close(torch.cat(batches), features(dataset), atol=0, rtol=0)


def test_in_memory_nothing_is_written_and_slices_are_encoded_once(
    tmp_path: Path, images: list[dict[str, str]], encoder: DINOv3Encoder
) -> None:
    sizes: list[int] = []

    class Detector(AnomalyDetector):
        def embed(self, image: torch.Tensor) -> torch.Tensor:
            sizes.append(image.shape[0])
            return super().embed(image)

    detector = Detector(encoder, SpatialARNet(2, 192), image_size=(32, 48))
    dataset = FeatureDataset(images, TRANSFORM, detector=detector, cache_dir=tmp_path / "features", store="memory")
    for _ in range(2):
        list(DataLoader(dataset, batch_size=18))
    assert sizes == [16, 4]
    assert not (tmp_path / "features").exists()


# --- volumes ---


@pytest.fixture
def volumes(tmp_path: Path) -> list[dict[str, str]]:
    """Four volumes of six slices, 4 mm apart; in the last one, slice 2 shows a lesion."""
    lesions: list[tuple[int, ...] | None] = [None, (), None, (2,)]
    return [write_volume(tmp_path, f"v{seed}", seed=seed, lesion=lesion) for seed, lesion in enumerate(lesions)]


def test_every_scan_is_read_once_and_every_slice_encoded_once(
    volumes: list[dict[str, str]], open_dataset: Open
) -> None:
    read: list[str] = []

    def counted(item: dict[str, str]) -> Any:
        read.append(item["image"])
        return TRANSFORM(item)

    dataset, encoded = open_dataset(volumes, transform=counted, slices=SliceChoice(lesion_margin=4))
    assert read == [item["image"] for item in volumes]
    assert len(dataset) == encoded == 3 * 6 + 3
    list(DataLoader(dataset, batch_size=4))
    assert len(read) == 4
    assert open_dataset(volumes, slices=SliceChoice())[1] == 2  # those beside the lesion
    assert open_dataset(volumes, slices=SliceChoice(slices_per_scan=2))[1] == 0


@pytest.mark.parametrize(("store", "tolerance"), [("disk", 2**-10), ("memory", 1e-5)])
def test_a_volume_gives_the_embeddings_of_its_slices(
    store: str, tolerance: float, volumes: list[dict[str, str]], encoder: DINOv3Encoder, open_dataset: Open
) -> None:
    dataset, _ = open_dataset(volumes, store=store)
    detector = AnomalyDetector(encoder, SpatialARNet(2, 192), image_size=(32, 48))
    slices = [
        TRANSFORM(volume)["image"].as_tensor()[None, ..., z]
        for volume in volumes
        for z in range(6)
        if (volume, z) != (volumes[3], 2)
    ]
    expected = torch.cat([detector.embed(image) for image in slices])
    torch.testing.assert_close(features(dataset), expected, atol=1e-5, rtol=tolerance)


def test_what_was_left_out_is_told(
    volumes: list[dict[str, str]], open_dataset: Open, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        open_dataset(volumes, slices=SliceChoice(lesion_margin=4))
    assert "6 slices in each of 4 scans" in caplog.text
    assert "Took 21 slices of 4 scans, left out 3 (lesions, too little to see). Encoded 21 of them now" in caplog.text


def test_scans_that_are_learnt_from_are_remembered(volumes: list[dict[str, str]], open_dataset: Open) -> None:
    digests = [ScanOrigin.of(TRANSFORM(item)["image"]).sha256 for item in volumes]
    for known in (0, 1):  # encoded now, and before
        assert open_dataset(volumes)[1] == (23, 0)[known]
        assert open_dataset(volumes)[0].scan_digests == tuple(sorted(digests))
    # of the last one nothing is taken, so that it may be judged
    assert open_dataset(volumes, slices=SliceChoice(lesion_margin=99))[0].scan_digests == tuple(sorted(digests[:3]))


def test_nothing_to_learn_from_is_told(volumes: list[dict[str, str]], open_dataset: Open) -> None:
    with pytest.raises(ValueError, match="nothing to learn from in 1 scans"):
        open_dataset(volumes[3:], slices=SliceChoice(lesion_margin=99))
