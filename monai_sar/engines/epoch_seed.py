"""Random numbers that follow from the number of the epoch."""

import ignite.distributed as idist
import numpy as np
from ignite.engine import Engine, Events
from monai.utils import set_determinism

__all__ = ["EpochSeed"]


class EpochSeed:
    """Seed Python, NumPy and PyTorch anew at the start of every epoch, from the seed and the epoch's number.

    An epoch that is done again after an interruption then draws what it drew before, and no generator's state has to
    be saved. Each process of a ``torchrun`` draws numbers of its own.

    Args:
        seed: of the training, not negative.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def attach(self, engine: Engine) -> None:
        """Attach to the trainer."""
        engine.add_event_handler(Events.EPOCH_STARTED, self)

    def __call__(self, engine: Engine) -> None:
        """Seed the epoch that starts."""
        # mixed, not added: the second epoch of one seed is not the first of the next seed
        mixed = np.random.SeedSequence((self.seed, engine.state.epoch, idist.get_rank()))
        set_determinism(int(mixed.generate_state(1)[0]))
