"""A bundle in service: its newest checkpoint, loaded once and used by one request at a time."""

import dataclasses
import math
from pathlib import Path
from threading import Lock

from monai_sar.calibration.flagging import Flagging, choose_flagging
from monai_sar.inferers import ScanPredictor
from monai_sar.label.app_settings import BundleSettings
from monai_sar.label.study_scan import StudyScan
from monai_sar.networks.checkpoint import CheckpointError
from monai_sar.results import AnomalyResult

__all__ = ["ServedBundle"]


class ServedBundle:
    """One bundle, and the folder in which this server keeps what it has trained.

    Args:
        settings: the bundle.
        folder: for its own checkpoints; made when it trains.
    """

    def __init__(self, settings: BundleSettings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        self._lock = Lock()
        self._loaded: tuple[tuple[Path, int, int], ScanPredictor] | None = None

    @property
    def name(self) -> str:
        """By which the model is asked for."""
        return self.settings.name

    @property
    def trained(self) -> Path:
        """Where the checkpoint lies that this server has trained, if it has."""
        return self.folder / "model.pt"

    @property
    def checkpoint(self) -> Path:
        """The checkpoint in use: what this server has trained, else the one that was configured, or the bundle's."""
        given = self.settings.overrides.get("ckpt_path", self.settings.folder / "models" / "model.pt")
        return self.trained if self.trained.is_file() else Path(given)

    def require_checkpoint(self) -> Path:
        """The checkpoint in use.

        Raises:
            CheckpointError: there is none.
        """
        path = self.checkpoint
        if not path.is_file():
            raise CheckpointError(
                f"The model {self.name} has no checkpoint: expected '{path}'. Train it on studies that are marked "
                f"normal (POST /train/{self.name}), or start the server with --conf {self.name}.ckpt_path FILE."
            )
        return path

    def predictor(self) -> ScanPredictor:
        """The detector with its newest checkpoint.

        Raises:
            CheckpointError: there is none, or it cannot be used.
            BundleError: the bundle or a setting cannot be used.
        """
        path = self.require_checkpoint()
        status = path.stat()
        version = (path, status.st_mtime_ns, status.st_size)
        with self._lock:
            if self._loaded is None or self._loaded[0] != version:
                overrides = {**self.settings.overrides, "ckpt_path": str(path)}
                self._loaded = version, ScanPredictor.from_bundle(self.settings.folder, **overrides)
            return self._loaded[1]

    def predict(
        self, scan: StudyScan, *, threshold: float | None = None, false_positive_rate: float | None = None
    ) -> AnomalyResult:
        """Map the anomalies of a study, and flag what is above a threshold.

        Args:
            scan: of the study.
            threshold: score above which a voxel is flagged; by default that of the rate.
            false_positive_rate: one of those that the checkpoint is calibrated for; by default as the bundle's
                settings say, see :func:`monai_sar.calibration.flagging.choose_flagging`.

        Raises:
            ValueError: no threshold can be told; or see :meth:`predictor`.
            ScanError: the study cannot be read without guessing.
        """
        predictor = self.predictor()
        flagging = self._flagging(predictor, threshold, false_positive_rate)
        return dataclasses.replace(self._run(predictor, scan), **flagging._asdict())

    def score(self, scan: StudyScan) -> AnomalyResult:
        """Map the anomalies of a study where only its score matters; a threshold is not needed."""
        return self._run(self.predictor(), scan)

    def _run(self, predictor: ScanPredictor, scan: StudyScan) -> AnomalyResult:
        item = predictor.prepare(scan.path, region=scan.region)
        with self._lock:  # one map at a time: two would need twice the memory and be no faster
            return predictor.run(item)

    def _flagging(
        self, predictor: ScanPredictor, threshold: float | None, false_positive_rate: float | None
    ) -> Flagging:
        if threshold is not None and not math.isfinite(threshold):
            raise ValueError(f"The threshold is {threshold}, expected a finite number.")
        if threshold is None and false_positive_rate is None:
            threshold, false_positive_rate = predictor.threshold, predictor.false_positive_rate
        flagging = choose_flagging(
            predictor.network.calibration, threshold=threshold, false_positive_rate=false_positive_rate
        )
        if flagging.threshold is None:
            raise ValueError(
                f"The checkpoint of {self.name} is not calibrated for any rate of false positives, so it cannot say "
                'which scores are high. Give a threshold with the request ({"threshold": SCORE}), or calibrate the '
                "checkpoint: monai-sar calibrate BUNDLE DATASET"
            )
        return flagging
