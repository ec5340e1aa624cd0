"""Patience, before and after an interruption."""

import pytest
from ignite.engine import Engine

from monai_sar.engines import ResumableEarlyStop


def stopping(patience: int, scores: list[float]) -> tuple[ResumableEarlyStop, Engine]:
    trainer = Engine(lambda _, batch: batch)
    values = iter(scores)
    stop = ResumableEarlyStop(patience=patience, score_function=lambda _: next(values), trainer=trainer)
    return stop, trainer


def test_patience_is_counted_on() -> None:
    before, _ = stopping(3, [1.0, 0.5, 0.7])
    for _ in range(3):
        before(Engine(lambda _, batch: batch))
    after, trainer = stopping(3, [0.9])
    after.load_state_dict(before.state_dict())
    assert not trainer.should_terminate
    after(trainer)  # the third that is no better than 1.0
    assert trainer.should_terminate


def test_what_was_stopped_stays_stopped_unless_patience_has_grown() -> None:
    before, trainer = stopping(2, [1.0, 0.5, 0.7])
    for _ in range(3):
        before(trainer)
    assert trainer.should_terminate
    for patience, stopped in ((2, True), (1, True), (3, False)):
        after, trainer = stopping(patience, [])
        after.load_state_dict(before.state_dict())
        assert bool(trainer.should_terminate) == stopped


def test_without_a_trainer_it_says_so() -> None:
    with pytest.raises(RuntimeError, match="set_trainer"):
        ResumableEarlyStop(patience=1, score_function=lambda _: 0.0).state_dict()
