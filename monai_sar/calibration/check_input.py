"""Whether a scan is like those that a detector was calibrated on, or why that cannot be told."""

from collections.abc import Callable

from monai_sar.calibration.calibration import Calibration
from monai_sar.calibration.input_check import InputCheck
from monai_sar.calibration.scan_traits import ScanTraits

__all__ = ["check_input"]


def check_input(
    calibration: Calibration | None, measure: Callable[[], ScanTraits]
) -> tuple[InputCheck | None, str | None]:
    """Compare a scan with those that were calibrated on; or None and, in a sentence, why that cannot be done.

    Args:
        calibration: of the detector; None if it has none.
        measure: says what the scan is like; called only where that is compared.
    """
    if calibration is None:
        return None, "not compared with other scans: the detector is not calibrated"
    if calibration.inputs is None:
        return None, (
            "not compared with the scans that the detector was calibrated on: the calibration is of an older version, "
            "which did not say what they were like. Calibrate it again: monai-sar calibrate BUNDLE DATASET"
        )
    return calibration.inputs.check(measure()), None
