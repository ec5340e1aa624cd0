"""What is to be known of the scans to calibrate on before any of them is scored."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ignite.distributed as idist

from monai_sar.calibration.conformal import ScoreCalibrationError
from monai_sar.calibration.patient_scores import by_patient
from monai_sar.calibration.promise import promise
from monai_sar.scans.single_slice import is_single_slice

__all__ = ["require_one_kind", "tell_promise"]

_logger = logging.getLogger(__name__)


def tell_promise(data: Sequence[Mapping[str, Any]]) -> None:
    """Log what the patients of the scans to calibrate on can promise, once for all processes.

    Args:
        data: items of :func:`monai_sar.datasets.load_normal_scans`. Only headers are read.

    Raises:
        ScoreCalibrationError: there are volumes and single slices among them; a training would end with it.
    """
    require_one_kind(data)
    normal, abnormal = (
        len(by_patient([item.get("patient") for item in data if bool(item["abnormal"]) is is_abnormal]))
        for is_abnormal in (False, True)
    )
    if idist.get_rank() == 0:
        _logger.info("Calibration: %s", promise(normal, abnormal))


def require_one_kind(data: Sequence[Mapping[str, Any]]) -> None:
    """Raise an error unless all scans are volumes, or all are single slices.

    Args:
        data: items with the path of a scan under ``image``. Only headers are read.

    Raises:
        ScoreCalibrationError: they are not.
        ScanError: a header cannot be read.
    """
    slices = sum(is_single_slice(Path(item["image"])) for item in data)
    if 0 < slices < len(data):
        raise ScoreCalibrationError(
            f"Found {len(data) - slices} volumes and {slices} single slices among the scans to calibrate on (the "
            "normal ones of validation); expected scans of one kind, because the scores of one say nothing of the "
            "other. Leave one kind out, and calibrate on the other by itself: monai-sar calibrate BUNDLE DATASET"
        )
