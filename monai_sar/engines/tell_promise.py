"""Say at the start of a training what its validation scans can promise at the end."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import ignite.distributed as idist

from monai_sar.calibration.patient_scores import by_patient
from monai_sar.calibration.promise import promise

__all__ = ["tell_promise"]

_logger = logging.getLogger(__name__)


def tell_promise(data: Sequence[Mapping[str, Any]]) -> None:
    """Log what the patients of the scans to calibrate on can promise, once for all processes.

    Args:
        data: items of :func:`monai_sar.datasets.load_normal_scans`. Nothing is read.
    """
    normal, abnormal = (
        len(by_patient([item.get("patient") for item in data if bool(item["abnormal"]) is is_abnormal]))
        for is_abnormal in (False, True)
    )
    if idist.get_rank() == 0:
        _logger.info("Calibration: %s", promise(normal, abnormal))
