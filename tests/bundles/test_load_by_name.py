"""``monai.bundle.load`` by name: the network with its weights and calibration, or an error; never a part of it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import monai.bundle
import pytest
import torch

from monai_sar import ScanPredictor
from monai_sar.networks import AnomalyDetector, CheckpointMismatchError
from monai_sar.networks.checkpoint import read_checkpoint, replace_saved_with, saved_with
from tests.bundles.conftest import ROOT, TINY, untrained_checkpoint
from tests.evaluation.images import calibration

NAMES = ["brain_mri_anomaly", "liver_ct_anomaly", "retinal_oct_anomaly"]
TINY_NETWORK: dict[str, Any] = {
    "encoder#model_name": TINY["encoder_name"],
    "encoder#weights": TINY["encoder_weights"],
    "network#hidden_channels": TINY["hidden_channels"],
    "network#dilations": TINY["dilations"],
    **{key: TINY[key] for key in ("image_size", "feature_scaling")},
}
"""Those overrides, where they stand in the definition of the network."""


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """A function that copies a bundle, as a user would, with a checkpoint of these settings; returns its folder."""

    def copy(name: str, **settings: Any) -> Path:
        bundle = tmp_path / name
        shutil.copytree(ROOT / "bundles" / name, bundle, ignore=shutil.ignore_patterns("models", "features", "output"))
        (bundle / "models").mkdir()
        untrained_checkpoint(bundle, bundle / "models" / "model.pt", **settings)
        return bundle

    return copy


def load(bundle: Path) -> Any:
    return monai.bundle.load(bundle.name, bundle_dir=bundle.parent, device="cpu", net_override=TINY_NETWORK)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_detector_of_the_bundle(name: str, folder: Callable[..., Path]) -> None:
    bundle = folder(name)
    checkpoint = bundle / "models" / "model.pt"
    replace_saved_with(checkpoint, saved_with(read_checkpoint(checkpoint)) | {"calibration": calibration().to_dict()})
    loaded, expected = load(bundle), ScanPredictor.from_bundle(bundle).network
    assert isinstance(loaded, AnomalyDetector)
    assert loaded.settings == expected.settings
    assert loaded.calibration == expected.calibration == calibration()
    image = torch.rand(1, 3, 40, 52, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(loaded.eval()(image), expected(image), rtol=0, atol=0)


@pytest.mark.parametrize(
    "settings", [{"image_size": [1024, 1024]}, {"hidden_channels": 8}, {"mode": "standard"}, {"likelihood": "gaussian"}]
)
def test_a_checkpoint_of_other_settings_is_refused(settings: dict[str, Any], folder: Callable[..., Path]) -> None:
    """Whoever changes them in train.yaml alone hears of it, whatever the lengths of their names and values."""
    with pytest.raises(CheckpointMismatchError, match=next(iter(settings))):
        load(folder("brain_mri_anomaly", **settings))
