"""A training is taken as it is where everything that it depends on is the same, and nowhere else."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.trained_bundle import BundleTraining, training_settings
from tests.benchmarks.conftest import BUNDLE, write_data_set
from tests.bundles.conftest import TINY

OTHERS: list[dict[str, Any]] = [
    {"max_epochs": 2},
    {"early_stopping_patience": 3},
    {"batch_size": 8},
    {"learning_rate": 0.01},
    {"seed": 1},
    {"mode": "causal"},
]


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """Of a training of one epoch."""
    dataset = write_data_set(tmp_path / "set", 0)
    return training_settings(tmp_path, dataset_dir=str(dataset), **TINY | {"max_epochs": 1, "seed": 0})


def test_a_finished_training_is_not_run_again(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = BundleTraining(BUNDLE, tmp_path, settings).run()
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("it was run again"))
    again = BundleTraining(BUNDLE, tmp_path, settings).run()
    assert again[1:] == trained[1:]
    assert again.cpu_seconds > 0
    torch.testing.assert_close(again.detector.state_dict(), trained.detector.state_dict(), rtol=0, atol=0)


def test_other_settings_and_images_are_other_trainings(tmp_path: Path, settings: dict[str, Any]) -> None:
    other_images = {"dataset_dir": str(write_data_set(tmp_path / "other", 1))}
    trainings = [BundleTraining(BUNDLE, tmp_path, settings | other) for other in ({}, *OTHERS, other_images)]
    described = [training.depends_on for training in trainings]
    assert all(one not in described[:index] for index, one in enumerate(described))
