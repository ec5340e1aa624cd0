"""Collect facts while an evaluator runs, and write the evaluation when it has run."""

import csv
import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import numpy as np
import torch
from ignite.engine import Engine, Events
from monai.data import Dataset

from monai_sar._atomic import atomic_path
from monai_sar._versions import software_versions
from monai_sar.engines.images_digest import images_digest
from monai_sar.evaluation.cases import choose_cases
from monai_sar.evaluation.collected import Collected
from monai_sar.evaluation.evaluation import Evaluation
from monai_sar.evaluation.evaluation_report import Case, write_evaluation_report
from monai_sar.evaluation.image_measurement import ImageMeasurement, measure_image
from monai_sar.evaluation.patient_groups import PatientGroups
from monai_sar.metrics.patient_bootstrap import PatientBootstrap
from monai_sar.networks.anomaly_detector import AnomalyDetector
from monai_sar.results.provenance import checkpoint_sha256

__all__ = ["EvaluationFiles"]

_logger = logging.getLogger(__name__)

_TOLD = ("image_auroc", "region_pixel_auroc", "region_pixel_average_precision")
"""The metrics that are logged, as far as there are any; all are in the files."""

_PACKAGES = ("torch", "monai", "timm", "numpy", "scipy")


class EvaluationFiles:
    """Write ``metrics_<split>.json`` and ``.csv``, ``cases_<split>.csv`` and ``report_<split>.html``.

    The metrics of the evaluator itself are written too. Of each image only some ten kilobytes are kept; those that the
    report shows are mapped once more at the end.

    Nothing that is written names a file or a patient: image 17 is the 17th of ``load_bmad_datalist(root, split)``.

    Args:
        output_dir: the folder to write to.
        split: name of the split.
        dataset: what the evaluator reads, one image at a time and in order; of each item it gives the ``image`` and
            the ``region``, and its ``data`` say whether it is ``abnormal``.
        dataset_dir: the folder of the data set, whose manifest or file names tell the patients.
        detector: that is evaluated.
        checkpoint: file of its weights, to be named by its SHA-256.
        resamples: of the bootstrap over patients.
        region_key: where the output of the evaluator holds the region of an image.
    """

    def __init__(
        self,
        output_dir: str | os.PathLike[str],
        *,
        split: str,
        dataset: Dataset,
        dataset_dir: str | os.PathLike[str],
        detector: AnomalyDetector,
        checkpoint: str | os.PathLike[str],
        resamples: int = 1000,
        region_key: str = "region",
    ) -> None:
        self.output_dir = Path(output_dir)
        self.split = split
        self.dataset = dataset
        self.dataset_dir = dataset_dir
        self.detector = detector
        self.checkpoint = Path(checkpoint)
        self.resamples = resamples
        self.region_key = region_key
        self._facts: list[ImageMeasurement] = []

    def attach(self, engine: Engine) -> None:
        """Attach to the evaluator.

        Raises:
            RuntimeError: it runs in several processes, each of which would see a part of the images.
        """
        if idist.get_world_size() > 1:
            raise RuntimeError("An evaluation runs in one process. Start it without torchrun.")
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._measure)
        engine.add_event_handler(Events.COMPLETED, self._write)

    def _start(self, engine: Engine) -> None:
        self._facts = []
        # a manifest that cannot be used is told before any image is mapped
        self._patients = PatientGroups.find(self.dataset_dir, [item["image"] for item in self._data])

    def _measure(self, engine: Engine) -> None:
        calibration = self.detector.calibration
        thresholds = () if calibration is None else calibration.pixel_thresholds
        output: Any = engine.state.output
        self._facts += [
            measure_image(item["pred"], item["label"], item[self.region_key], thresholds=thresholds) for item in output
        ]

    def _write(self, engine: Engine) -> None:
        if len(self._facts) != len(self._data):
            raise RuntimeError(f"Saw {len(self._facts)} of {len(self._data)} images; expected every one, in order.")
        evaluation = Evaluation(
            split=self.split,
            collected=Collected(
                facts=self._facts,
                abnormal=np.array([bool(item["abnormal"]) for item in self._data]),
                patients=self._patients,
                bootstrap=PatientBootstrap(self._patients.count, resamples=self.resamples),
                calibration=self.detector.calibration,
            ),
            measured={name: float(value) for name, value in engine.state.metrics.items()},
            identity=self._identity(),
        )
        cases = {
            name: [self._case(number) for number in chosen]
            for name, chosen in choose_cases(evaluation.collected).items()
        }
        write_evaluation_report(self.output_dir / f"report_{self.split}.html", evaluation, cases)
        _write_table(self.output_dir / f"cases_{self.split}.csv", evaluation.case_rows)
        _write_table(self.output_dir / f"metrics_{self.split}.csv", evaluation.metric_rows)
        with atomic_path(self.output_dir / f"metrics_{self.split}.json") as partial:  # last: all is written
            partial.write_text(json.dumps(evaluation.record, indent=2, allow_nan=False) + "\n")
        _tell(evaluation)
        _logger.info("All metrics: %s", self.output_dir / f"report_{self.split}.html")

    @property
    def _data(self) -> Sequence[Mapping[str, Any]]:
        data: Sequence[Mapping[str, Any]] = self.dataset.data
        return data

    def _case(self, number: int) -> Case:
        item: Any = self.dataset[number]
        device = next(self.detector.network.parameters()).device
        with torch.no_grad():
            score = self.detector.eval()(item["image"][None].as_tensor().to(device))
        return Case(
            number=number,
            image=item["image"].as_tensor().mean(dim=0).numpy(),
            score=score[0, 0].numpy(force=True),
            region=torch.as_tensor(item["region"])[0].numpy() != 0,
            lesion=torch.as_tensor(item["label"])[0].numpy() != 0,
        )

    def _identity(self) -> dict[str, Any]:
        calibration = self.detector.calibration
        return {
            "data": images_digest(self._data),
            "checkpoint_sha256": checkpoint_sha256(self.checkpoint),
            "calibration": None
            if calibration is None
            else {"images": calibration.images, "units": calibration.units, "unit": calibration.unit}
            | {"data_sha256": calibration.data_sha256},
            "settings": self.detector.settings,
            "versions": software_versions(_PACKAGES),
        }


def _tell(evaluation: Evaluation) -> None:
    _logger.info("Evaluated %d images of the split '%s'", len(evaluation.collected.facts), evaluation.split)
    for name in _TOLD:
        found = evaluation.metrics.get(name)
        if found is not None and found.value is not None:
            interval = "" if found.low is None else f" ({found.low:.3f} to {found.high:.3f})"
            _logger.info("%s %.3f%s", name, found.value, interval)


def _write_table(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    with atomic_path(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
