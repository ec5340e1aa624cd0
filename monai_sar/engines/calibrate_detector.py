"""Calibrate a detector on normal images that it was not trained on."""

from collections.abc import Mapping, Sequence
from typing import Any

from monai_sar.calibration.calibration import Calibration
from monai_sar.calibration.conformal import ScoreCalibrationError, require_units
from monai_sar.calibration.from_scores import calibration_from_scores
from monai_sar.calibration.patient_scores import by_patient
from monai_sar.engines.score_patients import score_patients
from monai_sar.metrics.anomaly_score import TOP_FRACTION
from monai_sar.networks.anomaly_detector import AnomalyDetector

__all__ = ["calibrate_detector"]


def calibrate_detector(
    detector: AnomalyDetector,
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
        patients: of each item, as :func:`monai_sar.datasets.patients.patients_of` tells them. Unknown (None) counts as
            a patient of its own, which promises too much if it is one of the others.
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
    if rates is not None:
        require_units(len(groups), sorted(set(rates)))  # before anything is computed
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
    return calibration_from_scores(scored, rates, unit="image" if None in patients else "patient")
