"""Calibrate the checkpoint that a training has left."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import ignite.distributed as idist
from monai.data import Dataset

from monai_sar.calibration.summary import summary
from monai_sar.datasets.patients import patients_of
from monai_sar.engines.calibrate_detector import calibrate_detector
from monai_sar.networks.anomaly_detector import AnomalyDetector

__all__ = ["calibrate_checkpoint"]

_logger = logging.getLogger(__name__)


def calibrate_checkpoint(
    detector: AnomalyDetector,
    path: str | os.PathLike[str],
    dataset: Dataset,
    *,
    root: str | os.PathLike[str],
    rates: Sequence[float] | None = None,
    amp: bool = False,
    anew: bool = True,
) -> None:
    """Load a checkpoint, calibrate it, and write the calibration into it; see :func:`calibrate_detector`.

    Of several processes the first does it, and the others wait.

    Args:
        detector: of the settings that the checkpoint was trained with. It then holds its weights and calibration.
        path: of the checkpoint, such as ``models/model.pt``. All else that it holds stays.
        dataset: normal images, as file paths under ``image`` in its ``data``, that its transform preprocesses.
        root: folder of the data set, which says whose the images are: ``manifest.csv``, or the names of the files.
        rates: false-positive rates to promise; by default 1 % and 5 %, as far as there are patients enough.
        amp: mixed precision.
        anew: False leaves a checkpoint as it is that is calibrated already, for its smoothing: somebody may have asked
            for other rates, or taken other patients.

    Raises:
        CheckpointError: the checkpoint cannot be read, or was trained with other settings.
        ScoreCalibrationError: too few patients for a rate that was given, or nothing to score.
    """
    if idist.get_rank() == 0:
        detector.load_checkpoint(path)
        before = detector.calibration
        if before is not None and not anew:
            _logger.info(
                "Calibrated already, which stays (to calibrate again: monai-sar calibrate)\n%s", summary(before)
            )
            idist.barrier()
            return
        _logger.info("Calibrating on %d normal images", len(dataset))
        images = [Path(item["image"]) for item in dataset.data]
        patients = patients_of(root, images)
        detector.calibration = calibrate_detector(
            detector,
            cast("Sequence[Any]", dataset),
            patients=[patients[image] for image in images],
            rates=rates,
            amp=amp,
        )
        if detector.calibration != before:  # what is finished stays as it is, to the byte
            detector.save_calibration(path)
        _logger.info(summary(detector.calibration))
    idist.barrier()
