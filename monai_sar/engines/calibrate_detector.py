"""Calibrate a detector on normal scans that it was not trained on."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from monai_sar.calibration.calibration import Calibration
from monai_sar.calibration.conformal import ScoreCalibrationError, require_units
from monai_sar.calibration.from_scores import calibration_from_scores
from monai_sar.calibration.patient_scores import by_patient
from monai_sar.engines.score_patients import score_patients
from monai_sar.networks.anomaly_detector import AnomalyDetector

__all__ = ["calibrate_detector"]


def calibrate_detector(
    detector: AnomalyDetector,
    items: Sequence[Mapping[str, Any]],
    *,
    patients: Sequence[str | None],
    inferer: Callable[..., Tensor],
    rates: Sequence[float] | None = None,
    lesion_margin: float = 0.0,
    amp: bool = False,
) -> Calibration:
    """Find thresholds and normal scores, such that what they promise holds for new normal patients.

    The scans must be of patients whom the detector was not trained on: what it has learnt it predicts well, the
    thresholds would be too low, and more would be flagged than promised.

    Memory holds the maps of one patient and 40 kB for each. Thresholds of voxels flag at most 0.01 % of the voxels less
    than exact ones would, and never more; everything else is exact.

    Args:
        detector: trained; where it is (CPU, GPU), it stays. Its own ``calibration`` is left as it is.
        items: scans, prepared as for prediction: ``image`` ``[1 or 3, H, W, D]`` in [0, 1], ``region`` ``[1, H, W, D]``
            and, where lesions are known, ``label`` likewise. A MONAI ``Dataset`` reads them one by one.
        patients: of each item. Unknown (None) counts as a patient of its own, which promises too much if it is one of
            the others.
        inferer: slices -> maps, that of predictions.
        rates: false-positive rates to promise; None: see :func:`monai_sar.calibration.calibration_from_scores`.
        lesion_margin: mm beside a slice with lesion whose slices do not count as normal either.
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
        scored = list(score_patients(detector, items, groups, inferer=inferer, lesion_margin=lesion_margin, amp=amp))
    finally:
        detector.train(training)
    if not scored:
        raise ScoreCalibrationError(
            f"Found nothing to score in {len(items)} scans. Check the intensities and the region, and that the "
            "detector was not trained on these scans."
        )
    return calibration_from_scores(scored, rates, unit="scan" if None in patients else "patient")
