"""The mean embedding of each scan, noted while an evaluator maps it."""

from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.engines.utils import IterationEvents

from monai_sar.networks.anomaly_detector import AnomalyDetector
from monai_sar.networks.mean_embedding import MeanEmbedding

__all__ = ["ScanEmbedding"]


class ScanEmbedding:
    """Put the mean embedding of each scan beside its map, under ``embedding``, for what comes after inference.

    Args:
        detector: that the evaluator runs, one scan at a time.
    """

    def __init__(self, detector: AnomalyDetector) -> None:
        self._seen = MeanEmbedding(detector.encoder)

    def attach(self, engine: Engine) -> None:
        """Attach to the evaluator."""
        engine.add_event_handler(Events.ITERATION_STARTED, self._listen)
        engine.add_event_handler(IterationEvents.FORWARD_COMPLETED, self._put)

    def _listen(self, engine: Engine) -> None:
        self._seen.__enter__()

    def _put(self, engine: Engine) -> None:
        self._seen.__exit__(None, None, None)
        output: Any = engine.state.output
        output["embedding"] = torch.tensor([self._seen.value])  # of a batch of one
