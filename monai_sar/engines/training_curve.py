"""Keep the loss of every epoch, as numbers and as a picture."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ignite.distributed as idist
from ignite.engine import Engine, Events

from monai_sar._atomic import atomic_path
from monai_sar.engines.loss_curve import write_loss_curve

__all__ = ["TrainingCurve"]


class TrainingCurve:
    """Write ``training_curve.json`` and ``training_curve.png`` after every epoch.

    Attach it to the trainer *after* the handler that validates, so that both losses are of the same epoch. Of several
    processes the first writes.

    Args:
        output_dir: folder of the two files.
        validator: engine that computes the validation loss.
        train_metric: name of the training loss in the trainer's metrics.
        validation_metric: name of the validation loss in the validator's metrics.
    """

    def __init__(
        self, output_dir: str | os.PathLike[str], validator: Engine, train_metric: str, validation_metric: str
    ) -> None:
        self.output_dir = Path(output_dir)
        self.validator = validator
        self.train_metric = train_metric
        self.validation_metric = validation_metric
        self.train: list[tuple[float, float]] = []
        self.validation: list[tuple[float, float]] = []

    def attach(self, engine: Engine) -> None:
        """Attach to the trainer."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def state_dict(self) -> dict[str, Any]:
        """The epochs so far."""
        return {"train": list(self.train), "validation": list(self.validation)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on after these epochs."""
        self.train, self.validation = list(state["train"]), list(state["validation"])

    def __call__(self, engine: Engine) -> None:
        """Add the epoch that just ended."""
        epoch = engine.state.epoch
        self.train.append((epoch, float(engine.state.metrics[self.train_metric])))
        if self.validator.state.epoch == epoch:  # validation may be rarer than epochs
            self.validation.append((epoch, float(self.validator.state.metrics[self.validation_metric])))
        if idist.get_rank() == 0:
            self._write()

    def _write(self) -> None:
        best = min(self.validation, key=lambda point: point[1])[0] if self.validation else None
        curves = {"training (normal images)": self.train, "validation (normal images)": self.validation}
        with atomic_path(self.output_dir / "training_curve.json") as partial:
            record = {
                self.train_metric: self.train,
                self.validation_metric: self.validation,
                "best_epoch": best,
            }
            partial.write_text(json.dumps(record, indent=2) + "\n")
        write_loss_curve(self.output_dir / "training_curve.png", curves, best_epoch=best)
