"""From the scores of normal patients to thresholds and p-values."""

from monai_sar.calibration.calibrate import calibrate
from monai_sar.calibration.calibrate_checkpoint import calibrate_checkpoint
from monai_sar.calibration.calibration import DEFAULT_RATES, Calibration
from monai_sar.calibration.conformal import NormalScores, ScoreCalibrationError
from monai_sar.calibration.summary import summary

__all__ = [
    "DEFAULT_RATES",
    "Calibration",
    "NormalScores",
    "ScoreCalibrationError",
    "calibrate",
    "calibrate_checkpoint",
    "summary",
]
