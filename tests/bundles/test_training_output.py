"""What a training prints into a file, and on a terminal."""

import os
import re
from pathlib import Path
from typing import Any

from tests.bundles.conftest import ROOT, flags, run_forked_bundle
from tests.forked_python import run_forked
from tests.terminal import Terminal

BUNDLE = ROOT / "bundles" / "brain_mri_anomaly"
TRAINING = ("run", "training", "--config_file", "configs/train.yaml")


def folders(root: Path) -> dict[str, str]:
    return {"ckpt_dir": str(root / "models"), "feature_dir": str(root / "features"), "output_dir": str(root / "output")}


def test_a_file_gets_one_line_per_epoch_and_no_bar(bmad: Path, small: dict[str, Any], tmp_path: Path) -> None:
    done = run_forked_bundle(*TRAINING, cwd=BUNDLE, dataset_dir=bmad, **folders(tmp_path), **small)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in done.stdout.splitlines()]
    [ended] = [line for line in lines if line.startswith("INFO Training ended after")]
    assert [line.split(":")[0] for line in lines if "poch" in line and "max_epochs" not in line] == [
        "INFO Epoch 1/2",
        "INFO Epoch 2/2",
        ended,
    ]
    assert sum(line.startswith("INFO Training on") for line in lines) == 1
    told = [line.split(":")[0] for line in lines if line.startswith(("INFO Calibration: ", "INFO Took "))]
    assert told[0] == "INFO Calibration"  # before anything is encoded
    assert told.count("INFO Calibration") == 1
    assert not re.search("[Ii]teration|Engine run|best metric", done.stdout)
    assert "\r" not in done.stdout + done.stderr
    assert "it/s" not in done.stderr
    assert "scan/s" not in done.stderr


def test_a_terminal_shows_bars_one_after_another(bmad: Path, small: dict[str, Any], tmp_path: Path) -> None:
    terminal = Terminal()
    stderr = Path(os.ttyname(terminal.file.fileno()))
    settings = flags({"dataset_dir": bmad, **folders(tmp_path), **small})
    done = run_forked("monai.bundle", *TRAINING, *settings, cwd=BUNDLE, stderr=stderr)
    shown = terminal.shown()
    terminal.close()
    assert done.returncode == 0, shown
    begun = re.findall(r"\r([A-Z][a-z ,]+):   0%", shown)
    first, second = "Reading files", "Reading scans, encoding what is new"
    assert begun == [first] * 2 + [second] * 2 + ["Calibrating"]  # of the training scans and those to validate
    bars = shown[shown.index("\r" + first) :]
    assert "\n" not in bars  # all stay in one line
    assert bars.endswith(" \r")  # which is empty in the end
