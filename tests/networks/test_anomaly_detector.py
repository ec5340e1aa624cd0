"""The whole detector: maps, checkpoints, and what a checkpoint refuses."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from monai_sar.networks import (
    AnomalyDetector,
    CheckpointError,
    CheckpointMismatchError,
    DINOv3Encoder,
    ScoreSmoothing,
    SpatialARNet,
)
from monai_sar.networks.anomaly_detector import FeatureScaling, read_checkpoint, saved_with
from monai_sar.networks.checkpoint import as_extra_state
from tests.calibration.conftest import a_calibration


@pytest.fixture(scope="module")
def encoder() -> DINOv3Encoder:
    return DINOv3Encoder("vit_tiny_patch16_224", weights="random")


def make_detector(encoder: DINOv3Encoder, seed: int = 0, **settings: Any) -> AnomalyDetector:
    torch.manual_seed(seed)
    network_settings = {k: settings.pop(k) for k in ("mode", "likelihood", "dilations") if k in settings}
    network = SpatialARNet(2, encoder.channels, hidden_channels=16, **network_settings)
    return AnomalyDetector(encoder, network, **{"image_size": (64, 64), **settings})


@pytest.mark.parametrize("size", [(64, 64), (50, 80), (17, 200), (300, 240)])
@pytest.mark.parametrize("image_size", [(64, 64), (48, 96), None])
def test_the_map_has_the_size_of_the_image(
    encoder: DINOv3Encoder, size: tuple[int, int], image_size: tuple[int, int] | None
) -> None:
    anomaly_map = make_detector(encoder, image_size=image_size)(torch.rand(2, 3, *size))
    assert anomaly_map.shape == (2, 1, *size)
    assert anomaly_map.dtype == torch.float32
    assert bool((anomaly_map >= 0).all())


def test_the_map_is_the_published_formula(encoder: DINOv3Encoder) -> None:
    """Mean squared error over channels, bilinear with align_corners=False, no smoothing."""
    detector = make_detector(encoder)
    image = torch.rand(1, 3, 64, 64)
    features = encoder(image)
    error = (detector.network(features) - features).square().mean(1, keepdim=True)
    expected = F.interpolate(error, (64, 64), mode="bilinear", align_corners=False)
    torch.testing.assert_close(detector(image), expected, atol=1e-5, rtol=1e-4)


def test_grey_is_three_equal_channels(encoder: DINOv3Encoder) -> None:
    detector, grey = make_detector(encoder), torch.rand(1, 1, 64, 64)
    assert torch.equal(detector(grey), detector(grey.expand(-1, 3, -1, -1)))


def test_a_batch_is_its_images_one_by_one(encoder: DINOv3Encoder) -> None:
    detector, batch = make_detector(encoder), torch.rand(3, 3, 40, 64)
    torch.testing.assert_close(detector(batch), torch.cat([detector(i[None]) for i in batch]), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("likelihood", ["mse", "gaussian"])
@pytest.mark.parametrize("feature_scaling", ["none", "standardize", "direction", "whiten"])
def test_a_checkpoint_round_trip_gives_the_same_map(
    encoder: DINOv3Encoder, tmp_path: Path, likelihood: str, feature_scaling: FeatureScaling
) -> None:
    trained = make_detector(encoder, seed=1, likelihood=likelihood, feature_scaling=feature_scaling)
    trained.fit_scaling(torch.randn(4, encoder.channels, 4, 4) * 3 + 1)
    image = torch.rand(1, 3, 64, 64)
    for name, content in {"raw.pt": trained.state_dict(), "wrapped.pt": {"model": trained.state_dict()}}.items():
        torch.save(content, tmp_path / name)
        loaded = make_detector(encoder, seed=2, likelihood=likelihood, feature_scaling=feature_scaling)
        assert not torch.equal(loaded(image), trained(image))
        loaded.load_checkpoint(tmp_path / name)
        assert torch.equal(loaded(image), trained(image))


def test_the_checkpoint_holds_no_encoder(encoder: DINOv3Encoder) -> None:
    keys = set(make_detector(encoder, feature_scaling="whiten").state_dict())
    assert not any("encoder" in key for key in keys)
    assert {"_extra_state", "scaling.mean", "network.net.0.weight"} <= keys


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"mode": "standard"}, "network.mode: trained with 'causal', now 'standard'"),
        ({"dilations": (1,)}, "network.dilations"),
        ({"image_size": (64, 80)}, "image_size: trained with [64, 64], now [64, 80]"),
        ({"image_size": None}, "image_size"),
        ({"keep_aspect_ratio": False}, "keep_aspect_ratio"),
        ({"feature_scaling": "whiten"}, "feature_scaling"),
        ({"likelihood": "gaussian"}, "network.likelihood"),
        ({"preprocessing": {"level": 0.5}}, "preprocessing.level: trained with 0.4, now 0.5"),
        ({"preprocessing": {}}, "preprocessing.level: trained with 0.4, now 'nothing'"),
    ],
)
def test_other_settings_are_refused_by_name(encoder: DINOv3Encoder, settings: dict[str, Any], named: str) -> None:
    state = make_detector(encoder, preprocessing={"level": 0.4}).state_dict()
    other = make_detector(encoder, **{"preprocessing": {"level": 0.4}, **settings})
    with pytest.raises(CheckpointMismatchError) as error:
        other.load_state_dict(state)
    assert named in str(error.value)


def test_another_encoder_is_refused_even_under_the_same_name(encoder: DINOv3Encoder) -> None:
    other = DINOv3Encoder("vit_tiny_patch16_224", weights="random", seed=9)
    with pytest.raises(CheckpointMismatchError, match="encoder.sha256"):
        make_detector(other).load_state_dict(make_detector(encoder).state_dict())


def test_what_is_no_checkpoint_is_told(encoder: DINOv3Encoder, tmp_path: Path) -> None:
    detector = make_detector(encoder)
    with pytest.raises(CheckpointError, match=r"There is no checkpoint .* Train one"):
        detector.load_checkpoint(tmp_path / "absent.pt")
    (tmp_path / "cut.pt").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(CheckpointError, match="damaged"):
        detector.load_checkpoint(tmp_path / "cut.pt")
    for seed in range(300):
        (tmp_path / "noise.pt").write_bytes(random.Random(seed).randbytes(64))  # noqa: S311
        with pytest.raises(CheckpointError, match="damaged"):
            detector.load_checkpoint(tmp_path / "noise.pt")
    torch.save(detector.network.state_dict(), tmp_path / "published.pt")
    with pytest.raises(CheckpointError, match="does not say which encoder"):
        detector.load_checkpoint(tmp_path / "published.pt")


def test_network_and_encoder_must_agree(encoder: DINOv3Encoder) -> None:
    with pytest.raises(ValueError, match="192 channels; the AR network expects 2D and 384"):
        AnomalyDetector(encoder, SpatialARNet(2, 384))


def test_an_unknown_feature_scaling_is_an_error(encoder: DINOv3Encoder) -> None:
    with pytest.raises(ValueError, match="'zca'; expected one of none, standardize, direction, whiten"):
        make_detector(encoder, feature_scaling="zca")


def test_smoothing_is_of_the_scores_before_they_are_sampled_at_the_pixels(encoder: DINOv3Encoder) -> None:
    sharp, smooth = make_detector(encoder), make_detector(encoder, smoothing=1.0)
    features = torch.randn(1, encoder.channels, 4, 4)
    assert torch.equal(smooth.score(features), ScoreSmoothing(1.0)(sharp.score(features)))
    assert not torch.equal(smooth.score(features), sharp.score(features))


def test_scores_may_be_smoothed_otherwise_but_not_with_the_calibration_of_others(
    encoder: DINOv3Encoder, caplog: pytest.LogCaptureFixture
) -> None:
    trained = make_detector(encoder, smoothing=0.7)
    trained.calibration = a_calibration()
    same, other = make_detector(encoder, seed=1, smoothing=0.7), make_detector(encoder, seed=1, smoothing=1.0)
    same.load_state_dict(trained.state_dict())
    assert same.calibration == trained.calibration
    assert not caplog.records
    other.load_state_dict(trained.state_dict())
    assert other.calibration is None
    assert "(smoothing was 0.7, here it is 1.0)" in caplog.text


def test_a_checkpoint_says_which_smoothing_its_calibration_is_for(encoder: DINOv3Encoder, tmp_path: Path) -> None:
    torch.save(make_detector(encoder, smoothing=0.7).state_dict(), tmp_path / "model.pt")
    detector = make_detector(encoder, smoothing=1.0)
    detector.load_checkpoint(tmp_path / "model.pt")
    detector.calibration = a_calibration()
    detector.save_calibration(tmp_path / "model.pt")
    again = make_detector(encoder, smoothing=1.0)
    again.load_checkpoint(tmp_path / "model.pt")
    assert again.calibration == detector.calibration
    assert saved_with(read_checkpoint(tmp_path / "model.pt"))["settings"] == detector.settings


def two_witnesses(encoder: DINOv3Encoder, **settings: Any) -> AnomalyDetector:
    detector = make_detector(encoder, **{"abnormal_intensity": "bright", **settings})
    generator = torch.Generator().manual_seed(0)
    detector.witnesses.fit(*torch.empty(2, 1000).exponential_(generator=generator))
    return detector


def test_the_second_witness_speaks_before_scores_are_smoothed(encoder: DINOv3Encoder) -> None:
    image, detector = torch.rand(2, 1, 64, 64), two_witnesses(encoder, smoothing=1.0, verdict="sum")
    error = detector.error(detector.embed(image))
    brightness = F.avg_pool2d(image, 16)
    bits = detector.witnesses.error(error) + detector.witnesses.bright(brightness)
    expected = F.interpolate(ScoreSmoothing(1.0)(bits), (64, 64), mode="bilinear", align_corners=False)
    torch.testing.assert_close(detector(image), expected, atol=1e-4, rtol=1e-4)


def test_with_a_second_witness_a_batch_is_its_images_one_by_one(encoder: DINOv3Encoder) -> None:
    images, detector = torch.rand(3, 1, 50, 80), two_witnesses(encoder, smoothing=1.0)
    one_by_one = torch.cat([detector(image[None]) for image in images])
    torch.testing.assert_close(detector(images), one_by_one, atol=1e-4, rtol=1e-4)


def test_what_is_normal_stays_with_the_checkpoint(encoder: DINOv3Encoder, tmp_path: Path) -> None:
    detector, again = two_witnesses(encoder), make_detector(encoder, seed=1, abnormal_intensity="bright")
    torch.save(detector.state_dict(), tmp_path / "model.pt")
    again.load_checkpoint(tmp_path / "model.pt")
    image = torch.rand(1, 1, 64, 64)
    assert torch.equal(again(image), detector(image))


def test_a_checkpoint_that_knows_no_normal_patches_is_refused(encoder: DINOv3Encoder, tmp_path: Path) -> None:
    """Its maps would be of the prediction error alone. Before training there is nothing else."""
    untrained = make_detector(encoder, abnormal_intensity="bright")
    torch.save(untrained.state_dict(), tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match="of which '.*model.pt' knows nothing. Run its training to its end"):
        make_detector(encoder, abnormal_intensity="bright").load_checkpoint(tmp_path / "model.pt")
    image = torch.rand(1, 1, 64, 64)
    assert torch.equal(untrained(image), make_detector(encoder)(image))


def test_a_second_witness_has_to_be_told_the_intensities(encoder: DINOv3Encoder) -> None:
    detector = two_witnesses(encoder)
    with pytest.raises(ValueError, match="give those of the patches"):
        detector.score(detector.embed(torch.rand(1, 1, 64, 64)))


def test_what_a_checkpoint_knows_of_normal_patches_is_checked(encoder: DINOv3Encoder) -> None:
    state = two_witnesses(encoder).state_dict()
    saved = saved_with(state)
    saved["witnesses"]["bright"] = [[0, 0], [1e400, 1]]
    state["_extra_state"] = as_extra_state(saved)
    with pytest.raises(CheckpointError, match="knows of normal patches is damaged"):
        make_detector(encoder, abnormal_intensity="bright").load_state_dict(state)


def test_a_checkpoint_of_tensors_of_other_sizes_is_told(encoder: DINOv3Encoder, tmp_path: Path) -> None:
    detector = make_detector(encoder, feature_scaling="standardize")
    state = detector.state_dict()
    state["scaling.mean"] = state["scaling.mean"].flatten()
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match="does not hold the tensors of a detector.*scaling.mean"):
        detector.load_checkpoint(tmp_path / "model.pt")
