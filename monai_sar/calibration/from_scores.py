"""From the scores of normal patients to a calibration."""

import hashlib
import logging
from collections.abc import Sequence
from typing import Literal

from monai_sar.calibration.calibration import DEFAULT_RATES, Calibration
from monai_sar.calibration.conformal import NormalScores, percent, smallest_rate, units_needed
from monai_sar.calibration.patient_scores import PatientScores

__all__ = ["calibration_from_scores"]

_logger = logging.getLogger(__name__)


def calibration_from_scores(
    scored: Sequence[PatientScores], rates: Sequence[float] | None, *, unit: Literal["patient", "image"]
) -> Calibration:
    """Find thresholds and normal scores, such that what they promise holds for new normal patients.

    Args:
        scored: one for each patient, at least one.
        rates: false-positive rates to promise; None: 1 % and 5 %, those of them that need no more patients than there
            are, which may be none. The others are told in the log.
        unit: "patient"; or "image", if the patients of some images are not known.

    Raises:
        ScoreCalibrationError: too few patients for a rate that was given.
    """
    wanted = sorted(set(DEFAULT_RATES if rates is None else rates))
    promised = [rate for rate in wanted if units_needed(rate) <= len(scored)] if rates is None else wanted
    _tell_unpromised(wanted, promised, len(scored))
    scored = sorted(scored, key=lambda patient: patient.scan)
    pixels = NormalScores([patient.pixels for patient in scored])
    scans = NormalScores([[patient.scan] for patient in scored])
    images = NormalScores([patient.images for patient in scored])
    digests = sorted(digest for patient in scored for digest in patient.digests)
    return Calibration(
        rates=tuple(promised),
        pixel_thresholds=tuple(map(pixels.threshold, promised)),
        scan_thresholds=tuple(map(scans.threshold, promised)),
        image_thresholds=tuple(map(images.threshold, promised)),
        scan_scores=tuple(patient.scan for patient in scored),
        image_scores=tuple(tuple(sorted(patient.images)) for patient in scored),
        unit=unit,
        images=len(digests),
        data_sha256=hashlib.sha256(b"".join(digests)).hexdigest(),
    )


def _tell_unpromised(wanted: Sequence[float], promised: Sequence[float], units: int) -> None:
    if unpromised := [rate for rate in wanted if rate not in promised]:
        _logger.warning(
            "%d normal patients cannot promise a false-positive rate of %s (%s patients are needed); p-values begin at "
            "%.3g. For thresholds at a higher rate: monai-sar calibrate --rates",
            units,
            " or ".join(map(percent, unpromised)),
            " or ".join(str(units_needed(rate)) for rate in unpromised),
            smallest_rate(units),
        )
