"""Keep the metrics of an evaluation, with what they were measured on."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events

from monai_sar._atomic import atomic_path
from monai_sar.networks.anomaly_detector import AnomalyDetector

__all__ = ["MetricsFile"]


class MetricsFile:
    """Write the engine's metrics as JSON when it has run.

    Args:
        path: the file.
        split: name of the split.
        data: the items that were evaluated; their ``abnormal`` is counted.
        detector: whose settings are written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        split: str,
        data: Sequence[Mapping[str, Any]],
        detector: AnomalyDetector,
    ) -> None:
        self.path = Path(path)
        self.split = split
        self.data = data
        self.detector = detector

    def attach(self, engine: Engine) -> None:
        """Attach to the evaluator."""
        engine.add_event_handler(Events.COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Write the file."""
        abnormal = sum(int(item["abnormal"]) for item in self.data)
        record = {
            "split": self.split,
            "images": {"normal": len(self.data) - abnormal, "abnormal": abnormal},
            "metrics": {name: float(value) for name, value in sorted(engine.state.metrics.items())},
            "settings": self.detector.settings,
        }
        with atomic_path(self.path) as partial:
            partial.write_text(json.dumps(record, indent=2) + "\n")
