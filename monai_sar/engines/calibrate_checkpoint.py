"""Calibrate the checkpoint that a training has left."""

import logging
import os
from collections.abc import Callable, Sequence
from typing import Any, cast

import ignite.distributed as idist
from monai.data import Dataset
from torch import Tensor

from monai_sar.calibration.summary import summary
from monai_sar.engines.calibrate_detector import calibrate_detector
from monai_sar.engines.calibration_scans import require_one_kind
from monai_sar.networks.anomaly_detector import AnomalyDetector

__all__ = ["calibrate_checkpoint"]

_logger = logging.getLogger(__name__)


def calibrate_checkpoint(
    detector: AnomalyDetector,
    path: str | os.PathLike[str],
    dataset: Dataset,
    *,
    inferer: Callable[..., Tensor],
    rates: Sequence[float] | None = None,
    lesion_margin: float = 0.0,
    amp: bool = False,
    anew: bool = True,
) -> None:
    """Load a checkpoint, calibrate it, and write the calibration into it; see :func:`calibrate_detector`.

    Of several processes the first does it, and the others wait.

    Args:
        detector: of the settings that the checkpoint was trained with. It then holds its weights and calibration.
        path: of the checkpoint, such as ``models/model.pt``. All else that it holds stays.
        dataset: scans, as :func:`monai_sar.datasets.load_data_set` lists them in its ``data``, that its transform
            prepares. An item says whose it is under ``patient``.
        inferer: slices -> maps, that of predictions.
        rates: false-positive rates to promise; by default 1 % and 5 %, as far as there are patients enough.
        lesion_margin: mm beside a slice with lesion whose slices do not count as normal either.
        amp: mixed precision.
        anew: False leaves a checkpoint as it is that is calibrated already, for its smoothing: somebody may have asked
            for other rates, or taken other patients.

    Raises:
        CheckpointError: the checkpoint cannot be read, or was trained with other settings.
        ScoreCalibrationError: too few patients for a rate that was given, volumes and single slices together, or
            nothing to score.
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
        require_one_kind(dataset.data)
        _logger.info("Calibrating on %d scans", len(dataset))
        detector.calibration = calibrate_detector(
            detector,
            cast("Sequence[Any]", dataset),
            patients=[item.get("patient") for item in dataset.data],
            inferer=inferer,
            rates=rates,
            lesion_margin=lesion_margin,
            amp=amp,
        )
        if detector.calibration != before:  # what is finished stays as it is, to the byte
            detector.save_calibration(path)
        _logger.info(summary(detector.calibration))
    idist.barrier()
