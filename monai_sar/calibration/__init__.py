"""From normal patients to thresholds, p-values and what their scans were like: pure arithmetic, no detector."""

from monai_sar.calibration.calibration import DEFAULT_RATES, Calibration
from monai_sar.calibration.check_input import check_input
from monai_sar.calibration.conformal import NormalScores, ScoreCalibrationError
from monai_sar.calibration.flagging import Flagging, choose_flagging
from monai_sar.calibration.from_scores import calibration_from_scores
from monai_sar.calibration.input_check import InputCheck, InputDifference
from monai_sar.calibration.input_reference import InputReference
from monai_sar.calibration.patient_scores import PatientScores
from monai_sar.calibration.promise import promise
from monai_sar.calibration.scan_traits import ScanTraits
from monai_sar.calibration.summary import summary

__all__ = [
    "DEFAULT_RATES",
    "Calibration",
    "Flagging",
    "InputCheck",
    "InputDifference",
    "InputReference",
    "NormalScores",
    "PatientScores",
    "ScanTraits",
    "ScoreCalibrationError",
    "calibration_from_scores",
    "check_input",
    "choose_flagging",
    "promise",
    "summary",
]
