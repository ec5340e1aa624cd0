"""Metrics with what they were measured on."""

import json
from pathlib import Path

from ignite.engine import Engine, Events

from monai_sar.engines import MetricsFile
from monai_sar.networks import AnomalyDetector, DINOv3Encoder, SpatialARNet


def test_metrics_are_written_with_split_counts_and_settings(tmp_path: Path) -> None:
    detector = AnomalyDetector(DINOv3Encoder("vit_tiny_patch16_224", weights="random"), SpatialARNet(2, 192))
    data = [{"abnormal": 0}, {"abnormal": 1}, {"abnormal": 1}]
    engine = Engine(lambda _, batch: batch)

    @engine.on(Events.EPOCH_COMPLETED)
    def _measure(engine: Engine) -> None:
        engine.state.metrics["pixel_auroc"] = 0.75

    MetricsFile(tmp_path / "new" / "metrics.json", split="valid", data=data, detector=detector).attach(engine)
    engine.run([0])
    record = json.loads((tmp_path / "new" / "metrics.json").read_text())
    assert record["split"] == "valid"
    assert record["images"] == {"normal": 1, "abnormal": 2}
    assert record["metrics"] == {"pixel_auroc": 0.75}
    assert record["settings"] == detector.settings
