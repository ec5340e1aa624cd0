"""Training that can be killed at any moment and goes on when it is started again."""

import logging
from collections.abc import Mapping
from typing import Any

import ignite.distributed as idist
from ignite.engine import Events
from monai.engines import Evaluator, Trainer
from torch import nn

from monai_sar.engines.run_folder import ResumeError, RunFolder

__all__ = ["ResumableTraining"]

_logger = logging.getLogger(__name__)


class ResumableTraining:
    """Save the whole state of training after every epoch; begin with the state that is there.

    An epoch that was interrupted is done again from its start. It then ends as it would have, provided its random
    numbers follow from its own number: attach :class:`monai_sar.engines.EpochSeed`, and shuffle with a
    ``DistributedSampler``.

    Attach it to the trainer after all that changes with an epoch: validation, curves, learning rate schedules.

    Args:
        folder: where the state is kept.
        detector: its weights; those after the best validation are ``model.pt``.
        validator: MONAI evaluator that finds the best epoch.
        objects: whatever else changes in training, by name; each has ``state_dict`` and ``load_state_dict``.
    """

    def __init__(
        self, folder: RunFolder, *, detector: nn.Module, validator: Evaluator, objects: Mapping[str, Any]
    ) -> None:
        self.folder = folder
        self.detector = detector
        self.validator = validator
        self.objects: dict[str, Any] = {"model": detector, "validator": validator, **objects}

    def attach(self, engine: Trainer) -> None:
        """Attach to the trainer."""
        self.objects["trainer"] = engine
        for each in (engine, self.validator):
            each.state_dict_user_keys.extend(["best_metric", "best_metric_epoch"])
        engine.add_event_handler(Events.STARTED, self.resume)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.save)
        engine.add_event_handler(Events.COMPLETED, lambda _: self.folder.finish())

    def resume(self, engine: Trainer) -> None:
        """Restore the state, if there is one.

        Raises:
            InUseError: another process trains in the folder.
            ResumeError: it belongs to another training.
        """
        if engine.scaler is not None:  # of mixed precision; MONAI makes it when training starts
            self.objects["scaler"] = engine.scaler
        self.folder.claim()
        state = self.folder.load()
        if state is not None:
            self._restore(engine, state)
        idist.barrier()  # all processes have read before one writes
        self.folder.clear(keep_state=state is not None)

    def save(self, engine: Trainer) -> None:
        """Keep the state after this epoch."""
        if self.validator.state.best_metric_epoch == engine.state.epoch:
            self.folder.save_best(self.detector.state_dict())
        self.folder.save({name: each.state_dict() for name, each in self.objects.items()})

    def _restore(self, engine: Trainer, state: Mapping[str, Any]) -> None:
        unknown = sorted(self.objects.keys() ^ (state.keys() - {"settings"}))
        if unknown:
            raise ResumeError(
                f"Training was started with or without {', '.join(unknown)}, and is now resumed otherwise. Give the "
                "same config, or train anew: another folder (setting ckpt_dir), or monai-sar train --anew."
            )
        max_epochs = engine.state.max_epochs  # may be more than it was
        for name, each in self.objects.items():
            each.load_state_dict(state[name])
        engine.state.max_epochs = max_epochs
        if engine.should_terminate or engine.state.epoch >= max_epochs:
            _logger.info(
                "Training has ended already, after epoch %d: nothing to do. To go on, raise the setting max_epochs "
                "(and early_stopping_patience, if it stopped early); to train anew: monai-sar train --anew, or the "
                "setting resume: false",
                engine.state.epoch,
            )
        else:
            _logger.info("Resuming training after epoch %d of %d", engine.state.epoch, max_epochs)
