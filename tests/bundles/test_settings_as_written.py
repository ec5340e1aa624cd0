"""Settings of ``python -m monai.bundle run``, as they are written on the command line and in overlays."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bundles.conftest import ROOT, TINY, run_forked_bundle

CONFIGS = ROOT / "bundles" / "brain_mri_anomaly" / "configs"
FILES = {
    "training": ["train.yaml"],
    "evaluating": ["train.yaml", "evaluate.yaml"],
    "inference": ["inference.yaml"],
}


def run(run_id: str, tmp_path: Path, *more: Path, **overrides: Any) -> tuple[int, str]:
    """Exit status, and the last line."""
    files = str([*(str(CONFIGS / name) for name in FILES[run_id]), *map(str, more)])
    folders = {name: str(tmp_path / name) for name in ("ckpt_dir", "feature_dir", "output_dir")}
    if run_id == "inference":
        folders = {"output_dir": folders["output_dir"]}
    done = run_forked_bundle("run", run_id, cwd=tmp_path, config_file=files, **{**TINY, **folders, **overrides})
    return done.returncode, done.stderr.splitlines()[-1]


@pytest.mark.parametrize("run_id", FILES)
def test_a_misspelt_setting_ends_every_run_at_once(run_id: str, tmp_path: Path) -> None:
    status, last = run(run_id, tmp_path, dataset_dir=tmp_path / "absent", image_siz="[48, 48]")
    assert status == 1
    assert last == "The reason: There is no setting 'image_siz'; did you mean 'image_size'?"


def test_training_takes_settings_as_they_are_written(bmad: Path, tmp_path: Path) -> None:
    tiny = {"dataset_dir": bmad, "max_epochs": 1, "device": "cpu"}
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("learning_rate: 1e-4\nbatch_size: '8'\n")
    assert run("training", tmp_path, overlay, **tiny)[0] == 0
    trained = tmp_path / "ckpt_dir" / "last.pt"
    before = trained.stat().st_mtime_ns

    status, last = run("training", tmp_path, learning_rat=0.1, **tiny)
    assert (status, last) == (1, "The reason: There is no setting 'learning_rat'; did you mean 'learning_rate'?")
    status, last = run("training", tmp_path, learning_rate="fast", **tiny)
    assert status == 1
    assert last == "The reason: learning_rate is 'fast'; expected a number of 0 or more, such as 0.001."
    assert trained.stat().st_mtime_ns == before

    # with another rate it could not go on: it begins anew
    status, _ = run("training", tmp_path, resume="false", learning_rate=0.01, **tiny)
    assert status == 0
    assert trained.stat().st_mtime_ns > before
    assert len(json.loads((tmp_path / "output_dir" / "training_curve.json").read_text())["train_loss"]) == 1
