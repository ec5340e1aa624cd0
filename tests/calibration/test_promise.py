"""The sentence before a calibration promises what the calibration then keeps."""

import re

import pytest

from monai_sar.calibration import promise
from monai_sar.calibration.conformal import ScoreCalibrationError, require_units


@pytest.mark.parametrize("patients", [1, 2, 9, 14, 18, 19, 60, 98, 99, 500])
def test_the_smallest_rate_can_be_promised_and_nothing_smaller(patients: int) -> None:
    sentence = promise(patients)
    found = re.search(r"the smallest rate is ([\d.]+) %", sentence)
    assert found is not None
    rate = float(found[1]) / 100
    require_units(patients, [rate])
    with pytest.raises(ScoreCalibrationError):
        require_units(patients, [rate - 0.0011])
    assert ("5 % takes 19" in sentence) == (patients < 19)
    assert ("1 % takes 99" in sentence) == (patients < 99)


def test_who_they_are() -> None:
    assert promise(1).startswith("1 normal patient: the smallest rate is 50 %")
    assert promise(14, 3) == promise(14)
    assert promise(0) == "No patients to calibrate on."
    assert promise(0, 14) == (
        "no normal patients, 14 with lesions: thresholds for voxels come from their slices without lesion (the "
        "smallest rate is 6.7 %, 5 % takes 19, 1 % takes 99), and scans get no p-value."
    )
