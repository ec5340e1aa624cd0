"""Random numbers of an epoch."""

import random

import numpy as np
import torch
from ignite.engine import Engine, Events

from monai_sar.engines import EpochSeed

Draw = tuple[float, float, float]


def draws(seed: int, epochs: int, *, first: int = 0) -> list[Draw]:
    """What Python, NumPy and PyTorch draw in each epoch after the first ones."""
    drawn: list[Draw] = []
    engine = Engine(lambda _, batch: drawn.append((random.random(), np.random.rand(), float(torch.rand(())))))  # noqa: S311, NPY002
    EpochSeed(seed).attach(engine)
    engine.add_event_handler(Events.STARTED, lambda engine: setattr(engine.state, "epoch", first))
    engine.run([0], max_epochs=epochs)
    return drawn


def test_an_epoch_draws_the_same_whatever_came_before() -> None:
    whole = draws(7, 4)
    torch.rand(100)
    assert draws(7, 4) == whole
    assert draws(7, 4, first=2) == whole[2:]


def test_all_epochs_and_seeds_differ() -> None:
    drawn = [draw for seed in range(4) for draw in draws(seed, 4)]
    for generator in zip(*drawn, strict=True):
        assert len(set(generator)) == 16
