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
from tests.bundles.conftest import ROOT, TINY, flags, run_config
from tests.forked_python import run_forked_ranks

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


def arguments(root: Path, **overrides: Any) -> list[str]:
    """Of ``python -m monai.bundle``, as the documentation has them."""
    settings = {"bundle_root": CONFIGS.parent, **folders(root), **SETTINGS, **overrides}
    files = f"['{CONFIGS / 'train.yaml'}','{CONFIGS / 'multi_gpu_train.yaml'}']"
    return ["run", "training", "--config_file", files, *flags(settings)]


def torchrun(root: Path, **overrides: Any) -> subprocess.CompletedProcess[str]:
    """The command of the documentation, with two processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    command += ["-m", "monai.bundle", *arguments(root, **overrides)]
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
    done = torchrun(two, dataset_dir=data, max_epochs=2)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("Epoch 2/2: training loss") == 1  # one process logs
    ranks = run_forked_ranks("monai.bundle", *arguments(two, dataset_dir=data, max_epochs=3), cwd=tmp_path)
    for rank in ranks:
        assert rank.returncode == 0, rank.stderr[-3000:]
    assert [rank.stdout.count("Epoch 3/3: training loss") for rank in ranks] == [1, 0]
    assert "Resuming training after epoch 2 of 3" in ranks[0].stdout

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
