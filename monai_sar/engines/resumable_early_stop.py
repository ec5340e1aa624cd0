"""Early stopping whose patience outlives an interruption."""

from collections.abc import Mapping
from typing import Any

from ignite.handlers import EarlyStopping
from monai.handlers import EarlyStopHandler

__all__ = ["ResumableEarlyStop"]


class ResumableEarlyStop(EarlyStopHandler):
    """MONAI's ``EarlyStopHandler``, the state of which can be saved and restored.

    Args:
        args: of ``EarlyStopHandler``.
        kwargs: of ``EarlyStopHandler``.
    """

    _handler: EarlyStopping | None  # type: ignore[assignment]

    def state_dict(self) -> dict[str, Any]:
        """The best score, and the number of validations since."""
        return dict(self._stopping.state_dict())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore them. What had been stopped stays stopped, unless its patience has grown."""
        self._stopping.load_state_dict(state)
        if self._stopping.counter >= self.patience:
            self._stopping.trainer.terminate()

    @property
    def _stopping(self) -> EarlyStopping:
        if self._handler is None:
            raise RuntimeError("Early stopping does not know what to stop: call set_trainer before training.")
        return self._handler
