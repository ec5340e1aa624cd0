"""Tell of a training in one line per epoch."""

import logging
import os
import time
from pathlib import Path
from typing import Any

import ignite.distributed as idist
from ignite.engine import Events
from monai.engines import Evaluator, Trainer

from monai_sar.networks.anomaly_detector import AnomalyDetector

__all__ = ["TrainingLog"]

_logger = logging.getLogger(__name__)


class TrainingLog:
    """Log what is trained on and where it goes, a line after every epoch, and how the training ended.

    What MONAI's and ignite's engines log of themselves then only repeats it; a bundle's ``logging.conf`` leaves it out.
    Attach it to the trainer *after* the handler that validates, so that both losses are of the same epoch. Of several
    processes the first logs.

    Args:
        validator: engine that computes the validation loss and knows the best epoch.
        detector: that is trained.
        checkpoint: file of the best weights.
        output_dir: folder of the curve.
        train_metric: name of the training loss in the trainer's metrics.
        validation_metric: name of the validation loss in the validator's metrics.
    """

    def __init__(
        self,
        validator: Evaluator,
        *,
        detector: AnomalyDetector,
        checkpoint: str | os.PathLike[str],
        output_dir: str | os.PathLike[str],
        train_metric: str,
        validation_metric: str,
    ) -> None:
        self.validator = validator
        self.detector = detector
        self.checkpoint = Path(checkpoint)
        self.output_dir = Path(output_dir)
        self.train_metric = train_metric
        self.validation_metric = validation_metric
        self._first_epoch = 0
        self._began: float | None = None

    def attach(self, engine: Trainer) -> None:
        """Attach to the trainer."""
        if idist.get_rank() == 0:
            engine.add_event_handler(Events.EPOCH_STARTED, self._begin)
            engine.add_event_handler(Events.EPOCH_COMPLETED, self._tell_epoch)
            engine.add_event_handler(Events.COMPLETED, self._end)

    def _begin(self, engine: Trainer) -> None:
        if self._began is not None:
            return
        # not when the engine starts: what is resumed may have ended already, and its epoch is not known yet
        self._first_epoch, self._began = engine.state.epoch, time.monotonic()
        loaders: tuple[Any, Any] = engine.data_loader, self.validator.data_loader
        encoder = self.detector.encoder
        weights = {"hub": "pretrained weights", "random": "random weights", "file": "weights from a file"}
        processes = idist.get_world_size()
        _logger.info(
            "Training on %s with %d images, validating on %d, all normal; encoder %s (%s)",
            engine.state.device if processes == 1 else f"{processes} processes, this one on {engine.state.device},",
            *(len(loader.dataset) for loader in loaders),
            encoder.model_name,
            weights[encoder.weights_from],
        )
        _logger.info("The best weights go to %s, the loss curve to %s", self.checkpoint, self.output_dir)

    def _tell_epoch(self, engine: Trainer) -> None:
        epoch, last = engine.state.epoch, engine.state.max_epochs
        parts = [f"training loss {engine.state.metrics[self.train_metric]:.4f}"]
        if self.validator.state.epoch == epoch:  # validation may be rarer than epochs
            parts.append(f"validation loss {self.validator.state.metrics[self.validation_metric]:.4f}")
        if self.validator.state.best_metric_epoch > 0:
            parts.append(f"best epoch {self.validator.state.best_metric_epoch}")
        if epoch < last and not engine.should_terminate:
            left = self._seconds() / (epoch - self._first_epoch + 1) * (last - epoch)
            parts.append(f"about {_duration(left)} left")
        _logger.info("Epoch %d/%d: %s", epoch, last, ", ".join(parts))

    def _end(self, engine: Trainer) -> None:
        if self._began is None:
            return
        epoch, last = engine.state.epoch, engine.state.max_epochs
        _logger.info(
            "Training %s after %s; the best weights are those of epoch %d",
            f"stopped early, in epoch {epoch} of {last}," if epoch < last else "ended",
            _duration(self._seconds()),
            self.validator.state.best_metric_epoch,
        )
        self._began = None

    def _seconds(self) -> float:
        return 0.0 if self._began is None else time.monotonic() - self._began


def _duration(seconds: float) -> str:
    """A duration in the two units that matter: 9 s, 12 min, 3 h 05 min."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
