"""Training on several processes: real ones, of torchrun, on the CPU."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from monai_sar.networks.checkpoint import saved_with
from tests.bundles.conftest import ROOT, TINY, run_config

CONFIGS = ROOT / "bundles" / "brain_mri_anomaly" / "configs"

# without noise, which every process draws for itself
SETTINGS = TINY | {"batch_size": 8, "learning_rate": 0.01, "noise_probability": 0}


@pytest.fixture(scope="module")
def data(bmad: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 images in batches of 8, the last of which has 4; for validation 3, which two processes cannot share evenly."""
    root = tmp_path_factory.mktemp("data") / "bmad"
    shutil.copytree(bmad, root)
    for kind in ("img", "label"):
        (root / "valid" / "good" / kind / "000.png").unlink()
    return root


def folders(root: Path) -> dict[str, str]:
    return {"ckpt_dir": str(root / "models"), "feature_dir": str(root / "features"), "output_dir": str(root / "output")}


def torchrun(root: Path, **overrides: Any) -> subprocess.CompletedProcess[str]:
    """The command of the documentation, with two processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    command += ["-m", "monai.bundle", "run", "training"]
    command += ["--config_file", f"['{CONFIGS / 'train.yaml'}','{CONFIGS / 'multi_gpu_train.yaml'}']"]
    settings = {"bundle_root": CONFIGS.parent, **folders(root), **SETTINGS, **overrides}
    command += [text for key, value in settings.items() for text in (f"--{key}", str(value))]
    # as if there were no GPU, so that two processes always have a device each
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(command, cwd=root.parent, env=environment, capture_output=True, text=True, check=False)


def curve(root: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((root / "output" / "training_curve.json").read_text())
    return read


def assert_close(first: Path, second: Path) -> None:
    """But for the rounding of sums in another order."""
    for name in ("train_loss", "val_loss"):
        expected = [pytest.approx([epoch, loss], rel=1e-5) for epoch, loss in curve(second)[name]]
        assert curve(first)[name] == expected
    assert curve(first)["best_epoch"] == curve(second)["best_epoch"]
    for name in ("model.pt", "last.pt"):
        weights = [torch.load(root / "models" / name, weights_only=True) for root in (first, second)]
        a, b = (state.get("model", state) for state in weights)
        assert a.keys() == b.keys()
        # the calibration beside them is made of scores, which round as the weights do
        assert saved_with(a)["settings"] == saved_with(b)["settings"]
        a, b = ({key: value for key, value in state.items() if key != "_extra_state"} for state in (a, b))
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_two_processes_train_and_resume_as_one_does(data: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for epochs in (2, 3):
        done = torchrun(two, dataset_dir=data, max_epochs=epochs)
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stdout.count(f"Epoch {epochs}/{epochs}: training loss") == 1  # one process logs
    assert "Resuming training after epoch 2 of 3" in done.stdout

    def train_alone(root: Path, epochs: int) -> None:
        settings = {"dataset_dir": str(data), "device": torch.device("cpu"), "max_epochs": epochs, **folders(root)}
        run_config([CONFIGS / "train.yaml"], "train", **SETTINGS, **settings)

    train_alone(one, 3)
    assert_close(two, one)
    # one process goes on where two had stopped
    train_alone(one, 4)
    train_alone(two, 4)
    assert len(curve(two)["train_loss"]) == 4
    assert_close(two, one)
