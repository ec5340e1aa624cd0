"""One bar for each run of an engine."""

import time
from contextlib import redirect_stderr

import pytest
from ignite.engine import Engine

from monai_sar.engines import EngineProgress
from tests.terminal import Terminal


def evaluate(batches: int = 4) -> None:
    engine = Engine(lambda _, __: time.sleep(0.12))  # longer than the shortest time between two drawings
    EngineProgress("Evaluating", "image").attach(engine)
    engine.run(range(batches), max_epochs=1)


def test_every_step_is_drawn_once(terminal: Terminal) -> None:
    with redirect_stderr(terminal.file):
        evaluate()
    shown = terminal.shown()
    assert [shown.count(f"{done}/4") for done in range(5)] == [1] * 5
    assert shown.endswith("\r")
    assert "\n" not in shown
    with redirect_stderr(terminal.file):
        evaluate()
    assert terminal.shown().count("0/4") == 1


def test_a_file_gets_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    evaluate(1)
    assert capfd.readouterr().err == ""
