"""Training that is killed, at whatever moment, goes on as if it had not been."""

import json
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import monai.bundle
import pytest
import torch

from monai_sar._root_cause import root_cause
from monai_sar.engines import ResumeError
from tests.bundles.conftest import ROOT, TINY, run_config
from tests.forked_python import FORKSERVER

TRAIN = ROOT / "bundles" / "brain_mri_anomaly" / "configs" / "train.yaml"

# five steps an epoch; noise in half of them; a rate at which the loss soon rises
SETTINGS = TINY | {
    "batch_size": 4,
    "noise_probability": 0.5,
    "learning_rate": 0.05,
    "seed": 3,
    "max_epochs": 20,
    "early_stopping_patience": 2,
}
STEPS = 5

KILL = """
+imports:
  - $import os
  - $import ignite
last_step: $ignite.engine.Events.ITERATION_COMPLETED(once=@step)
+initialize:
  - '$@train#trainer.add_event_handler(@last_step, lambda: os.kill(os.getpid(), 9))'
"""
"""Laid over train.yaml: the process kills itself after this step of the optimiser."""

Start = Callable[..., ForkServerProcess]


@pytest.fixture(scope="module")
def start(bmad: Path) -> Start:
    """Start a training in a process of its own, which need not import everything first."""

    def start_in(root: Path, *more: Path, **overrides: Any) -> ForkServerProcess:
        settings = {
            "run_id": "training",
            "config_file": [str(TRAIN), *map(str, more)],
            "dataset_dir": str(bmad),
            **folders(root),
            **SETTINGS,
        }
        process = FORKSERVER.Process(target=run_on_one_thread, kwargs=settings | overrides)
        process.start()
        return process

    return start_in


def run_on_one_thread(**settings: Any) -> None:
    """In such a process: one thread gives the same sums in every process."""
    torch.set_num_threads(1)
    monai.bundle.run(**settings)


def folders(root: Path) -> dict[str, str]:
    return {"ckpt_dir": str(root / "models"), "feature_dir": str(root / "features"), "output_dir": str(root / "output")}


def kill_when(process: ForkServerProcess, condition: Callable[[], bool]) -> None:
    """Kill a process while a condition holds, however briefly it does."""
    assert process.pid is not None
    while process.is_alive():
        if condition():
            os.kill(process.pid, signal.SIGSTOP)
            time.sleep(0.01)
            if condition():
                break
            os.kill(process.pid, signal.SIGCONT)
        time.sleep(0.0002)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL, "it ended before it could be killed"


def equal(first: Any, second: Any) -> bool:
    """Bit for bit, with all that is nested."""
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(equal(first[key], second[key]) for key in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(equal, first, second))
    return torch.equal(first, second) if isinstance(first, torch.Tensor) else bool(first == second)


def load(root: Path, name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = torch.load(root / "models" / name, weights_only=True)
    return loaded


def steps_done(root: Path) -> int:
    return int(load(root, "unfinished.pt")["trainer"]["iteration"]) if (root / "models/unfinished.pt").exists() else 0


def curve(root: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((root / "output" / "training_curve.json").read_text())
    return read


def assert_same(first: Path, second: Path) -> None:
    assert sorted(path.name for path in (first / "models").iterdir()) == ["last.pt", "model.pt"]
    assert sorted(path.name for path in (second / "models").iterdir()) == ["last.pt", "model.pt"]
    assert curve(first) == curve(second)
    for name in ("model.pt", "last.pt"):
        assert equal(load(first, name), load(second, name)), name


def test_killed_at_every_stage_it_ends_as_if_it_had_not_been(start: Start, tmp_path: Path) -> None:
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    process = start(calm)
    process.join()
    assert process.exitcode == 0
    epochs, best = len(curve(calm)["train_loss"]), curve(calm)["best_epoch"]
    assert 3 < best < epochs < SETTINGS["max_epochs"], "early stopping has nothing to remember"

    kill_in_step = tmp_path / "kill.yaml"
    kill_in_step.write_text(KILL)
    models = killed / "models"
    # while images are encoded
    kill_when(start(killed), lambda: any(killed.glob("features/*/*.safetensors")))
    assert [path.name for path in models.iterdir()] == [".training.lock"]
    # while the first weights or the first state are written
    kill_when(start(killed), lambda: any(models.glob(".partial-*")))
    # in the middle of the next epoch but one
    done = steps_done(killed)
    process = start(killed, kill_in_step, step=done + STEPS + 3)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert steps_done(killed) == done + STEPS
    # while a state is replaced
    before = (models / "unfinished.pt").stat().st_mtime_ns
    kill_when(
        start(killed),
        lambda: any(models.glob(".partial-*")) and (models / "unfinished.pt").stat().st_mtime_ns > before,
    )
    assert steps_done(killed) >= done + 2 * STEPS
    # when patience has nearly run out, in the last step: the best weights lie behind
    process = start(killed, kill_in_step, step=epochs * STEPS)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert load(killed, "unfinished.pt")["early_stopping"]["counter"] == 1
    assert not (models / "last.pt").exists()

    process = start(killed)
    process.join()
    assert process.exitcode == 0
    assert_same(calm, killed)


def train(bmad: Path, root: Path, **overrides: Any) -> None:
    run_config([TRAIN], "train", dataset_dir=str(bmad), **folders(root), **SETTINGS | overrides)


def test_a_training_that_has_ended_is_left_alone_continued_or_replaced(bmad: Path, tmp_path: Path) -> None:
    once, long, root = tmp_path / "once", tmp_path / "long", tmp_path / "root"
    train(bmad, once, max_epochs=2)
    train(bmad, long, max_epochs=3)
    train(bmad, root, max_epochs=2)
    assert_same(root, once)
    files = {path: path.stat().st_mtime_ns for path in root.glob("*/*.*")}
    train(bmad, root, max_epochs=2)
    assert {path: path.stat().st_mtime_ns for path in root.glob("*/*.*")} == files
    train(bmad, root, max_epochs=1)
    assert {path: path.stat().st_mtime_ns for path in root.glob("*/*.*")} == files
    # more epochs
    train(bmad, root, max_epochs=3)
    train(bmad, once, max_epochs=3, resume=False)
    for other in (root, once):
        assert curve(other) == curve(long)
        assert equal(load(other, "model.pt"), load(long, "model.pt"))
        assert equal(load(other, "last.pt")["optimizer"], load(long, "last.pt")["optimizer"])


def test_what_stopped_early_goes_on_with_more_patience(bmad: Path, tmp_path: Path) -> None:
    """Nothing is learnt at a rate of zero."""
    train(bmad, tmp_path, learning_rate=0.0, max_epochs=9)
    assert len(curve(tmp_path)["val_loss"]) == 3
    train(bmad, tmp_path, learning_rate=0.0, max_epochs=12)
    assert len(curve(tmp_path)["val_loss"]) == 3
    train(bmad, tmp_path, learning_rate=0.0, early_stopping_patience=4)
    assert len(curve(tmp_path)["val_loss"]) == 5


@pytest.fixture(scope="module")
def ended(bmad: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ended")
    train(bmad, root, max_epochs=1)
    return root


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"learning_rate": 0.01}, "optimizer.lr: 0.05 then, 0.01 now"),
        ({"optimizer#weight_decay": 0.5}, "optimizer.weight_decay: 0.01 then, 0.5 now"),
        ({"hidden_channels": 8}, "detector.network.hidden_channels: 16 then, 8 now"),
        ({"seed": 4, "batch_size": 2}, "seed: 3 then, 4 now\n  batch_size: 4 then, 2 now"),
        ({"noise_scale": 0.5}, "noise_scale"),
        ({"val_interval": 2}, "val_interval"),
        ({"train#dataset#data": "fewer"}, "train_images: '20 scans, SHA-256"),
    ],
)
def test_other_settings_are_named_before_anything_is_encoded(
    change: dict[str, Any], named: str, ended: Path, bmad: Path, tmp_path: Path
) -> None:
    if "train#dataset#data" in change:
        change = {"train#dataset#data": [{"image": str(path)} for path in sorted(bmad.glob("train/good/*.png"))[1:]]}
    before = {path: path.stat().st_mtime_ns for path in ended.glob("*/*.*")}
    overrides: dict[str, Any] = {"dataset_dir": str(bmad), **folders(ended), **SETTINGS, "logging_file": False}
    overrides["feature_dir"] = str(tmp_path / "features")
    with pytest.raises(RuntimeError) as caught:
        monai.bundle.run("training", config_file=str(TRAIN), **overrides | change)
    reason = root_cause(caught.value)
    assert isinstance(reason, ResumeError)
    assert named in str(reason)
    assert str(ended / "models" / "last.pt") in str(reason)
    assert not (tmp_path / "features").exists()
    assert {path: path.stat().st_mtime_ns for path in ended.glob("*/*.*")} == before
