"""The state of a training on disk: whole, and never that of another training."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from monai_sar.engines import ResumeError, RunFolder

SETTINGS: dict[str, Any] = {"seed": 1, "optimizer": {"lr": 0.1, "betas": (0.9, 0.999)}}


def test_the_latest_state_comes_back_until_the_training_has_ended_and_after(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "new", settings=SETTINGS)
    assert folder.load() is None
    folder.finish()  # ended before its first epoch did
    assert not folder.last.exists()
    for epoch in (1, 2):
        folder.save({"trainer": {"epoch": epoch, "best": math.inf}, "model": {"weight": torch.tensor([epoch / 3])}})
        folder.save_best({"weight": torch.tensor([7.0])})
        state = RunFolder(tmp_path / "new", settings=SETTINGS).load()
        assert state is not None
        assert state["trainer"] == {"epoch": epoch, "best": math.inf}
        assert torch.equal(state["model"]["weight"], torch.tensor([epoch / 3]))
    folder.finish()
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"model.pt", "last.pt"}
    ended = folder.load()
    assert ended is not None
    assert ended["trainer"]["epoch"] == 2
    folder.best.unlink()
    with pytest.raises(ResumeError, match=r"checkpoint '.*model.pt' is gone. To train anew"):
        folder.load()
    folder.save_best({"weight": torch.tensor([7.0])})
    folder.save({"trainer": {"epoch": 3}})  # more epochs
    again = folder.load()
    assert again is not None
    assert again["trainer"]["epoch"] == 3


@pytest.mark.parametrize(
    ("now", "named"),
    [
        (SETTINGS | {"seed": 2}, "seed: 1 then, 2 now"),
        (SETTINGS | {"optimizer": {"lr": 0.2, "betas": [0.9, 0.999]}}, "optimizer.lr: 0.1 then, 0.2 now"),
        (SETTINGS | {"amp": True}, "amp: 'nothing' then, True now"),
        ({"seed": 1}, "optimizer.lr: 0.1 then, 'nothing' now"),
    ],
)
def test_other_settings_are_refused_by_name_and_change_nothing(now: dict[str, Any], named: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, settings=SETTINGS)
    folder.save({"epoch": 1})
    with pytest.raises(ResumeError) as caught:
        RunFolder(tmp_path, settings=now).load()
    message = str(caught.value)
    assert named in message
    assert str(folder.unfinished) in message
    assert "resume: false" in message
    assert ("lr" in message) == ("lr" in named)
    assert folder.load() is not None


def test_what_is_not_a_whole_state_is_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, settings=SETTINGS)
    folder.save({"weights": torch.rand(1000)})
    whole = folder.unfinished.read_bytes()
    for content in (b"", whole[:1000], whole[:-100]):
        folder.unfinished.write_bytes(content)
        with pytest.raises(ResumeError, match="damaged"):
            folder.load()
    # what was written before trainings could be resumed
    torch.save({"model": {}, "optimizer": {}}, folder.unfinished)
    with pytest.raises(ResumeError, match="does not hold the state of a training"):
        folder.load()
    assert RunFolder(tmp_path, settings=SETTINGS, resume=False).load() is None


def test_no_code_is_run_by_loading(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, settings={})
    torch.save({"settings": {}, "code": Path("a")}, folder.unfinished)
    with pytest.raises(ResumeError):
        folder.load()


def test_clearing_removes_leftovers_and_keeps_the_best(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, settings=SETTINGS)
    for keep_state, names in ((True, {"model.pt", "unfinished.pt", "last.pt"}), (False, {"model.pt"})):
        folder.save({})
        folder.finish()
        folder.save({})
        folder.save_best({})
        (tmp_path / ".partial-killed.pt").touch()
        folder.clear(keep_state=keep_state)
        assert {path.name for path in tmp_path.iterdir()} == names
