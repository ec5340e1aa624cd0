"""A bar for an engine's way through its images."""

from typing import Any

from ignite.engine import Engine, Events

from monai_sar._progress import progress_bar

__all__ = ["EngineProgress"]


class EngineProgress:
    """Show how far an engine is, one step per batch; see :func:`monai_sar._progress.progress_bar`.

    In place of ignite's ``ProgressBar``, which draws twice in every step, and also into files.

    Args:
        task: what the engine does, such as "Evaluating".
        unit: what a batch is called.
    """

    def __init__(self, task: str, unit: str = "batch") -> None:
        self.task = task
        self.unit = unit
        self._bar: Any = None

    def attach(self, engine: Engine) -> None:
        """Attach to the engine."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._open)
        engine.add_event_handler(Events.ITERATION_COMPLETED, lambda: self._bar.update())
        engine.add_event_handler(Events.EPOCH_COMPLETED, lambda: self._bar.close())

    def _open(self, engine: Engine) -> None:
        self._bar = progress_bar(task=self.task, unit=self.unit, total=engine.state.epoch_length)
