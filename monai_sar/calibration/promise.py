"""What so many patients can promise, in a sentence, before anything is scored."""

from monai_sar.calibration.calibration import DEFAULT_RATES
from monai_sar.calibration.conformal import percent, smallest_promise, units_needed

__all__ = ["promise"]


def promise(normal: int, abnormal: int = 0) -> str:
    """Say which rate the patients of a validation split can promise, and how many the usual rates take.

    Args:
        normal: patients with a normal scan.
        abnormal: patients with a scan that shows a lesion; they matter where there is no normal one.

    Example:
        >>> promise(14)
        '14 normal patients: the smallest rate is 6.7 %, 5 % takes 19, 1 % takes 99.'
    """
    patients = normal or abnormal
    if not patients:
        return "No patients to calibrate on."
    short = [rate for rate in sorted(DEFAULT_RATES, reverse=True) if units_needed(rate) > patients]
    takes = "".join(f", {percent(rate)} takes {units_needed(rate)}" for rate in short)
    limit = f"the smallest rate is {percent(smallest_promise(patients))}{takes}"
    if normal:
        return f"{normal} normal patient{'s' if normal > 1 else ''}: {limit}."
    return (
        f"no normal patients, {abnormal} with lesions: thresholds for voxels come from their slices without lesion "
        f"({limit}), and scans get no p-value."
    )
