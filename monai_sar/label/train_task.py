"""Training from the server: on the studies that are marked normal."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import environ
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser
from monai.data import Dataset
from monailabel.interfaces.datastore import Datastore
from monailabel.interfaces.tasks.train import TrainTask

from monai_sar._atomic import atomic_path
from monai_sar._process_lock import ProcessLock
from monai_sar.calibration.conformal import require_units
from monai_sar.datasets import load_data_set, load_normal_scans
from monai_sar.datasets.scan_datalist import scan_item
from monai_sar.engines import calibrate_checkpoint
from monai_sar.inferers import ScanPredictor
from monai_sar.inferers.scan_predictor import MASKS
from monai_sar.label.normal_studies import normal_studies
from monai_sar.label.request import number_option, told_to_the_client
from monai_sar.label.served_bundle import ServedBundle
from monai_sar.label.study_scan import StudyScan
from monai_sar.results.provenance import checkpoint_sha256
from monai_sar.settings.bundle_config import read_bundle_config, use_checkpoint_settings

__all__ = ["NormalTrainTask"]

OPTIONS = {"max_epochs": int, "batch_size": int, "learning_rate": float, "early_stopping_patience": int}
"""Settings of the bundle's training config that a request may give. They must become numbers: a config runs text."""

VALIDATION_FRACTION = 0.2
PATIENTS = 2
"""At least so many: one to learn from, one to stop early and calibrate on."""


class NormalTrainTask(TrainTask):
    """Train a bundle anew with its own training config, calibrate the checkpoint, and put it into service.

    A part of the patients is kept apart for early stopping and calibration. Until training has ended well, the server
    goes on with the checkpoint it had. Options of a request: ``max_epochs``, ``batch_size``, ``learning_rate`` and
    ``early_stopping_patience``, see the bundle's settings; ``validation_fraction`` of the patients, by default 0.2; and
    ``rates``, the false-positive rates to calibrate for, by default 1 % and 5 % where there are patients enough.

    Args:
        bundle: what to train.
    """

    def __init__(self, bundle: ServedBundle) -> None:
        super().__init__("Train on the studies that are marked normal, and calibrate")
        self.bundle = bundle
        self.work = bundle.folder / "training"
        self.record = bundle.folder / "training.json"
        self.max_epochs = self._parser("train", ("max_epochs",)).get("max_epochs")

    def config(self) -> dict[str, Any]:
        """The options that viewers show."""
        return {"max_epochs": self.max_epochs, "validation_fraction": VALIDATION_FRACTION, "rates": ""}

    def stats(self) -> dict[str, Any]:
        """What the latest training that ended well was made of."""
        return dict(json.loads(self.record.read_text())) if self.record.is_file() else {}

    def __call__(self, request: Mapping[str, Any], datastore: Datastore) -> dict[str, Any]:
        """Train; in a process of its own that ends with this one.

        Raises:
            HTTPException: too few normal studies, or a study, a setting or a checkpoint that cannot be used.
            RuntimeError: training failed; its own output says why.
        """
        with told_to_the_client(), self._only_one():
            shutil.rmtree(self.work, ignore_errors=True)
            rates = _rates(request)
            datalist = self._write_datalist(request, datastore, rates)
            self._train(request, datalist)
            checkpoint = self.work / "models" / "model.pt"
            record = {
                "train_scans": len(load_data_set(datalist, "train")),
                "validation_scans": len(load_data_set(datalist, "valid")),
                "rates": self._calibrate(datalist, checkpoint, rates),
                "checkpoint_sha256": checkpoint_sha256(checkpoint),
            }
            with atomic_path(self.bundle.trained) as partial:
                shutil.copyfile(checkpoint, partial)
            with atomic_path(self.record) as partial:
                partial.write_text(json.dumps(record))
        return record

    @contextmanager
    def _only_one(self) -> Iterator[None]:
        """Refuse to clear the folder in which another server trains this model."""
        lock = ProcessLock(
            self.bundle.folder / ".training.lock",
            held=f"The model {self.bundle.name} is trained",
            advice="stop that training",
        )
        lock.take()
        try:
            yield
        finally:
            lock.give_back()

    def _parser(self, name: str, parts: Sequence[str]) -> ConfigParser:
        """A config of the bundle with the settings of the checkpoint in use: training anew is training the same."""
        known = read_bundle_config(self.bundle.settings.folder, name, parts=parts, overrides={}).get()
        overrides = {key: value for key, value in self.bundle.settings.overrides.items() if key in known}
        parser = read_bundle_config(self.bundle.settings.folder, name, parts=parts, overrides=overrides)
        if self.bundle.checkpoint.is_file():
            use_checkpoint_settings(parser, self.bundle.checkpoint, overrides=overrides, fixed=("modality",))
        return parser

    def _write_datalist(self, request: Mapping[str, Any], datastore: Datastore, rates: Sequence[float] | None) -> Path:
        """List the normal studies, whole patients in training or validation, as a data set of scans."""
        studies = normal_studies(datastore)
        patients = list(dict.fromkeys(study.patient for study in studies))
        if len(patients) < PATIENTS:
            raise ValueError(
                f"Found normal studies of {len(patients)} patients, expected {PATIENTS} or more. Mark studies normal: "
                'submit a final label with nothing in it, or put {"normal": true} into the info of the image.'
            )
        fraction = number_option(request, "validation_fraction") or VALIDATION_FRACTION
        held_out = min(max(1, round(fraction * len(patients))), len(patients) - 1)
        require_units(held_out, rates or ())  # before hours of training
        masks = {key: self._parser("inference", ()).get(key) for key in MASKS}
        # patients come in the order of their hashes, which is as good as drawn, and stays when others are added
        of_validation = set(patients[:held_out])
        lists: dict[str, list[dict[str, object]]] = {"training": [], "validation": []}
        for study in studies:
            key = "validation" if study.patient in of_validation else "training"
            lists[key].append({**_item(study.scan, masks), "patient": study.patient})
        path = self.work / "datalist.json"
        with atomic_path(path) as partial:
            partial.write_text(json.dumps(lists, indent=2))
        return path

    def _train(self, request: Mapping[str, Any], datalist: Path) -> None:
        parser = self._parser("train", ("preprocessing", "train", "validate"))
        for key, kind in OPTIONS.items():
            if (value := number_option(request, key)) is not None:
                parser.update({key: kind(value)})
        parser.update(
            {
                "dataset_dir": str(datalist),
                "ckpt_dir": str(self.work / "models"),
                "feature_dir": str(self.bundle.folder / "features"),  # found again in the next training
                "output_dir": str(self.work / "output"),
            }
        )
        config = self.work / "train.json"
        ConfigParser.export_config_file(parser.get(), str(config), indent=2)
        configs = self.bundle.settings.folder / "configs"
        command = [sys.executable, "-m", "monai.bundle", "run", "training", "--config_file", str(config)]
        command += ["--meta_file", str(configs / "metadata.json"), "--logging_file", str(configs / "logging.conf")]
        ended = subprocess.run(command, check=False, env={**environ, "PYTHONUNBUFFERED": "1"})  # noqa: S603
        if ended.returncode:
            raise RuntimeError(f"Training the model {self.bundle.name} failed (exit status {ended.returncode}).")

    def _calibrate(self, datalist: Path, checkpoint: Path, rates: Sequence[float] | None) -> list[float]:
        """The rates that the training has promised; if others were asked for, calibrate for those."""
        overrides = {**self.bundle.settings.overrides, "ckpt_path": str(checkpoint)}
        predictor = ScanPredictor.from_bundle(self.bundle.settings.folder, **overrides)
        detector = predictor.network
        if rates is not None:
            dataset = Dataset(load_normal_scans(datalist, "valid"), predictor.preprocessing)
            calibrate_checkpoint(detector, checkpoint, dataset, inferer=predictor.inferer, rates=rates)
        return list(detector.calibration.rates) if detector.calibration else []


def _rates(request: Mapping[str, Any]) -> list[float] | None:
    """``[0.05, 0.1]``, or ``"0.05,0.1"`` from a viewer; None: those that there are patients enough for."""
    rates = request.get("rates") or None
    if rates is None:
        return None
    try:
        return [float(rate) for rate in (rates.split(",") if isinstance(rates, str) else rates)]
    except (TypeError, ValueError):
        raise ValueError(f"rates is {rates!r}, expected numbers such as 0.05,0.1.") from None


def _item(scan: StudyScan, masks: Mapping[str, str | None]) -> Mapping[str, object]:
    if scan.region is None:
        return scan_item(scan.path, **masks)
    return {"image": str(scan.path), "region": str(scan.region)}
