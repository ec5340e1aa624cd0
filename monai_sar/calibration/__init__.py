"""From the scores of normal patients to thresholds and p-values: pure arithmetic, no detector."""

from monai_sar.calibration.calibration import DEFAULT_RATES, Calibration
from monai_sar.calibration.conformal import NormalScores, ScoreCalibrationError
from monai_sar.calibration.flagging import Flagging, choose_flagging
from monai_sar.calibration.from_scores import calibration_from_scores
from monai_sar.calibration.patient_scores import PatientScores
from monai_sar.calibration.summary import summary

__all__ = [
    "DEFAULT_RATES",
    "Calibration",
    "Flagging",
    "NormalScores",
    "PatientScores",
    "ScoreCalibrationError",
    "calibration_from_scores",
    "choose_flagging",
    "summary",
]
