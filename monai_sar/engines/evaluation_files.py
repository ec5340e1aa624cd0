"""Collect facts while an evaluator runs, and write the evaluation when it has run."""

import csv
import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import numpy as np
import numpy.typing as npt
import torch
from ignite.engine import Engine, Events
from monai.data import Dataset
from torch import Tensor

from monai_sar._atomic import atomic_path
from monai_sar._process_lock import ProcessLock
from monai_sar._versions import software_versions
from monai_sar.calibration.check_input import check_input
from monai_sar.calibration.input_check import InputCheck
from monai_sar.calibration.scan_traits import ScanTraits
from monai_sar.engines.images_digest import images_digest
from monai_sar.engines.scan_embedding import ScanEmbedding
from monai_sar.evaluation.cases import choose_cases
from monai_sar.evaluation.collected import Collected
from monai_sar.evaluation.evaluation import Evaluation
from monai_sar.evaluation.evaluation_report import Case, write_evaluation_report
from monai_sar.evaluation.glimpse import Glimpse, glimpse
from monai_sar.evaluation.patient_groups import PatientGroups
from monai_sar.evaluation.scan_measurement import ScanMeasurement, measure_scan
from monai_sar.metrics.patient_bootstrap import PatientBootstrap
from monai_sar.networks.anomaly_detector import AnomalyDetector
from monai_sar.results.provenance import checkpoint_sha256
from monai_sar.results.write_result import result_name
from monai_sar.scans.plain_tensor import plain_tensor
from monai_sar.scans.scan import voxel_ml
from monai_sar.scans.scan_origin import ScanOrigin

__all__ = ["EvaluationFiles"]

_logger = logging.getLogger(__name__)

_TOLD = ("scan_auroc", "region_pixel_auroc", "region_pixel_average_precision")
"""The metrics that are logged, as far as there are any; all are in the files."""

MOST_GLIMPSES = 200
"""So many small pictures are in the report at most: some two megabytes."""

_PACKAGES = ("torch", "monai", "timm", "numpy", "scipy")


class EvaluationFiles:
    """Write ``metrics_<split>.json`` and ``.csv``, ``cases_<split>.csv`` and ``report_<split>.html``.

    The metrics of the evaluator itself are written too. Of each scan only some ten kilobytes are kept, and a slice of
    the highest-scoring scan of each patient, of 200 patients at most; the cases that the report shows at large are
    mapped once more at the end, one at a time.

    Scans are called as their results are (``result_name`` in ``monai_sar/results/write_result.py``): by the name of
    their file, DICOM by its hash. With ``hide_names`` nothing that is written names a file: scan 17 is the 17th of
    ``load_data_set(root, split)``. Patients are numbers.

    Args:
        output_dir: the folder to write to.
        split: name of the split.
        dataset: what the evaluator reads, one scan at a time and in order; of each item it gives the ``image``,
            the ``region`` and the ``label``, and its ``data`` say whether it is ``abnormal`` and has a mask under
            ``label``.
        detector: that is evaluated.
        inferer: slices -> maps, that of the evaluator.
        checkpoint: file of its weights, to be named by its SHA-256.
        resamples: of the bootstrap over patients.
        region_key: where the output of the evaluator holds the region of a scan.
        hide_names: write numbers in the place of names.
    """

    def __init__(
        self,
        output_dir: str | os.PathLike[str],
        *,
        split: str,
        dataset: Dataset,
        detector: AnomalyDetector,
        inferer: Callable[..., Tensor],
        checkpoint: str | os.PathLike[str],
        resamples: int = 1000,
        region_key: str = "region",
        hide_names: bool = False,
    ) -> None:
        self.output_dir = Path(output_dir)
        self.split = split
        self.dataset = dataset
        self.detector = detector
        self.inferer = inferer
        self.checkpoint = Path(checkpoint)
        self.resamples = resamples
        self.region_key = region_key
        self.hide_names = hide_names
        self._facts: list[ScanMeasurement] = []
        self._glimpses: dict[int, tuple[int, Glimpse]] = {}

    def attach(self, engine: Engine) -> None:
        """Attach to the evaluator.

        Raises:
            RuntimeError: it runs in several processes, each of which would see a part of the scans.
        """
        if idist.get_world_size() > 1:
            raise RuntimeError("An evaluation runs in one process. Start it without torchrun.")
        ScanEmbedding(self.detector).attach(engine)
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.GET_BATCH_STARTED, _forget)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._measure)
        engine.add_event_handler(Events.COMPLETED, self._write)

    def _start(self, engine: Engine) -> None:
        self._facts, self._glimpses = [], {}
        self._patients = PatientGroups.of([item.get("patient") for item in self._data])

    def _measure(self, engine: Engine) -> None:
        calibration = self.detector.calibration
        thresholds = () if calibration is None else calibration.pixel_thresholds
        output: Any = engine.state.output
        for item in output:
            listed = self._data[len(self._facts)]
            facts = measure_scan(
                item["pred"],
                item["label"],
                item[self.region_key],
                thresholds=thresholds,
                voxel_ml=_voxel_ml(item["image"]),
                name="" if self.hide_names else result_name(item["image"]),
                digest=ScanOrigin.of(item["image"]).sha256,
                input_check=self._check_input(item),
                lesions_known="label" in listed or not listed["abnormal"],
            )
            self._facts.append(facts)
            self._keep_glimpse(item, len(self._facts) - 1)

    def _keep_glimpse(self, item: Mapping[str, Any], number: int) -> None:
        """Keep a slice of the highest-scoring scan of each patient, of so many patients as score highest."""
        patient = int(self._patients.of_scan[number])
        before = self._glimpses.get(patient)
        if before is not None and self._facts[before[0]].score >= self._facts[number].score:
            return
        self._glimpses[patient] = (number, _glimpse(item, self.region_key))
        if len(self._glimpses) > MOST_GLIMPSES:
            del self._glimpses[min(self._glimpses, key=lambda whose: self._facts[self._glimpses[whose][0]].score)]

    def _check_input(self, item: Mapping[str, Any]) -> InputCheck | None:
        image = item["image"]
        return check_input(
            self.detector.calibration,
            lambda: ScanTraits.of(image, item[self.region_key], ScanOrigin.of(image), embedding=item["embedding"]),
        )[0]

    def _write(self, engine: Engine) -> None:
        _forget(engine)
        if len(self._facts) != len(self._data):
            raise RuntimeError(f"Saw {len(self._facts)} of {len(self._data)} scans; expected every one, in order.")
        evaluation = Evaluation(
            split=self.split,
            collected=Collected(
                facts=self._facts,
                abnormal=np.array([bool(item["abnormal"]) for item in self._data]),
                patients=self._patients,
                bootstrap=PatientBootstrap(self._patients.count, resamples=self.resamples),
                calibration=self.detector.calibration,
                trained_on=self.detector.trained_on,
            ),
            measured={name: float(value) for name, value in engine.state.metrics.items()},
            identity=self._identity(),
        )
        with ProcessLock(
            self.output_dir / f".evaluation_{self.split}.lock",
            held=f"An evaluation of '{self.split}' is being written into '{self.output_dir}'",
            advice="stop one of the two, or give another folder (setting output_dir)",
        ).waited_for():
            self._write_files(evaluation)
        _tell(evaluation)
        _logger.info("All metrics: %s", self._file("report", "html"))

    def _write_files(self, evaluation: Evaluation) -> None:
        """Write all of an evaluation, or nothing."""
        last = self._file("metrics", "json")  # it comes last and goes first: where it is, all is, and belongs together
        files = [self._file("report", "html"), self._file("cases", "csv"), self._file("metrics", "csv"), last]
        last.unlink(missing_ok=True)
        try:
            cases = choose_cases(evaluation.collected)
            write_evaluation_report(files[0], evaluation, cases, self._case, dict(self._glimpses.values()))
            _write_table(files[1], evaluation.case_rows)
            _write_table(files[2], evaluation.metric_rows)
            with atomic_path(last) as partial:
                partial.write_text(json.dumps(evaluation.record, indent=2, allow_nan=False) + "\n")
        except BaseException:  # Ctrl-C too
            for file in files:
                file.unlink(missing_ok=True)
            raise

    def _file(self, what: str, extension: str) -> Path:
        return self.output_dir / f"{what}_{self.split}.{extension}"

    @property
    def _data(self) -> Sequence[Mapping[str, Any]]:
        data: Sequence[Mapping[str, Any]] = self.dataset.data
        return data

    def _case(self, number: int) -> Case:
        item: Any = self.dataset[number]
        image = item["image"]
        device = next(self.detector.network.parameters()).device
        score = self.inferer(image[None].to(device), self.detector.eval())
        spacing = None if ScanOrigin.of(image).kind == "slices" else tuple(float(mm) for mm in image.pixdim)
        return Case(
            number=number,
            image=_grey(item.get("shown", image)),
            score=score[0, 0].numpy(force=True),
            region=torch.as_tensor(item["region"])[0].numpy(force=True) != 0,
            lesion=torch.as_tensor(item["label"])[0].numpy(force=True) != 0,
            spacing=spacing,
        )

    def _identity(self) -> dict[str, Any]:
        calibration = self.detector.calibration
        return {
            "data": images_digest(self._data),
            "checkpoint_sha256": checkpoint_sha256(self.checkpoint),
            "calibration": None
            if calibration is None
            else {
                "scans": calibration.scans,
                "kind": calibration.kind,
                "units": calibration.units,
                "unit": calibration.unit,
                "data_sha256": calibration.data_sha256,
            },
            "settings": self.detector.settings,
            "versions": software_versions(_PACKAGES),
        }


def _glimpse(item: Mapping[str, Any], region_key: str) -> Glimpse:
    image = item["image"]
    score, region, lesion = (plain_tensor(item[key])[0].numpy() for key in ("pred", region_key, "label"))
    row, column = (float(mm) for mm in image.pixdim[:2])
    return glimpse(
        _grey(image),
        score.astype(np.float32, copy=False),
        region != 0,
        lesion != 0,
        spacing=(row, column),
    )


def _grey(image: Tensor) -> npt.NDArray[np.float32]:
    """``[C, H, W, D] -> [H, W, D]``, where there is one channel in the same memory."""
    values = plain_tensor(image)
    grey: npt.NDArray[np.float32] = (values[0] if len(values) == 1 else values.mean(dim=0)).numpy()
    return grey


def _forget(engine: Engine) -> None:
    """Let go of the scan that has been measured, before the next is read."""
    engine.state.output = engine.state.batch = None


def _tell(evaluation: Evaluation) -> None:
    _logger.info("Evaluated %d scans of the split '%s'", len(evaluation.collected.facts), evaluation.split)
    for note in (evaluation.collected.unknown_lesions_note, evaluation.collected.mask_warning):
        if note is not None:
            _logger.warning("%s", note)
    for name in _TOLD:
        found = evaluation.metrics.get(name)
        if found is not None and found.value is not None:
            interval = "" if found.low is None else f" ({found.low:.3f} to {found.high:.3f})"
            _logger.info("%s %.3f%s", name, found.value, interval)


def _write_table(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    with atomic_path(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _voxel_ml(image: Any) -> float | None:
    if ScanOrigin.of(image).kind == "slices":  # image files hold no spacing
        return None
    return voxel_ml(image.affine)
