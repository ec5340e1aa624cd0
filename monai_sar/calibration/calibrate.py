"""Calibrate a detector on normal images that it was not trained on."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from monai_sar.calibration.calibration import DEFAULT_RATES, Calibration
from monai_sar.calibration.conformal import (
    NormalScores,
    ScoreCalibrationError,
    percent,
    require_units,
    smallest_rate,
    units_needed,
)
from monai_sar.calibration.normal_images import PatientScores, by_patient, score_patients

if TYPE_CHECKING:
    from monai_sar.networks.anomaly_detector import AnomalyDetector

__all__ = ["calibrate"]

_logger = logging.getLogger(__name__)


def calibrate(
    detector: "AnomalyDetector",
    items: Sequence[Mapping[str, Any]],
    *,
    patients: Sequence[str | None],
    rates: Sequence[float] | None = None,
    amp: bool = False,
) -> Calibration:
    """Find thresholds and normal scores, such that what they promise holds for new normal patients.

    The images must be of patients whom the detector was not trained on: what it has learnt it predicts well, the
    thresholds would be too low, and more would be flagged than promised.

    Memory holds the maps of one patient and 40 kB for each. Thresholds of pixels flag at most 0.01 % of the pixels less
    than exact ones would, and never more; everything else is exact.

    Args:
        detector: trained; where it is (CPU, GPU), it stays. Its own ``calibration`` is left as it is.
        items: normal images, preprocessed as for training: ``image`` ``[1 or 3, H, W]`` in [0, 1] and ``region``
            ``[1, H, W]``. A MONAI ``Dataset`` reads them one by one.
        patients: of each item, as :func:`monai_sar.data.patients.patients_of` tells them. Unknown (None) counts as a
            patient of its own, which promises too much if it is one of the others.
        rates: false-positive rates to promise; by default 1 % and 5 %, those of them that need no more patients than
            there are, which may be none.
        amp: mixed precision; as predictions will be made.

    Raises:
        ScoreCalibrationError: too few patients for a rate that was given; nothing to score; scores that are not finite.
        ValueError: not one patient for each item.
    """
    if len(patients) != len(items):
        raise ValueError(f"Found {len(patients)} patients for {len(items)} items; expected one for each.")
    groups = by_patient(patients)
    wanted = sorted(set(DEFAULT_RATES if rates is None else rates))
    if rates is not None:
        require_units(len(groups), wanted)  # before anything is computed
    # the results know this share too, and import the networks
    from monai_sar.inferers.anomaly_result import TOP_FRACTION

    training = detector.training
    detector.eval()
    try:
        scored = list(score_patients(detector, items, groups, fraction=TOP_FRACTION, amp=amp))
    finally:
        detector.train(training)
    if not scored:
        raise ScoreCalibrationError(
            f"Found nothing to score in {len(items)} normal images. Check the intensities and the region."
        )
    promised = [rate for rate in wanted if units_needed(rate) <= len(scored)] if rates is None else wanted
    _tell_unpromised(wanted, promised, len(scored))
    return _calibration(scored, promised, unit="image" if None in patients else "patient")


def _calibration(scored: Sequence[PatientScores], rates: Sequence[float], **facts: Any) -> Calibration:
    scored = sorted(scored, key=lambda patient: patient.scan)
    pixels = NormalScores([patient.pixels for patient in scored])
    scans = NormalScores([[patient.scan] for patient in scored])
    images = NormalScores([patient.images for patient in scored])
    digests = sorted(digest for patient in scored for digest in patient.digests)
    return Calibration(
        rates=tuple(rates),
        pixel_thresholds=tuple(map(pixels.threshold, rates)),
        scan_thresholds=tuple(map(scans.threshold, rates)),
        image_thresholds=tuple(map(images.threshold, rates)),
        scan_scores=tuple(patient.scan for patient in scored),
        image_scores=tuple(tuple(sorted(patient.images)) for patient in scored),
        images=len(digests),
        data_sha256=hashlib.sha256(b"".join(digests)).hexdigest(),
        **facts,
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
