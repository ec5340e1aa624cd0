"""Patients are counted, not scans, and an unknown one as a patient of its own."""

import logging

import pytest

from monai_sar.calibration import promise
from monai_sar.engines import tell_promise


def test_the_log_says_what_inspect_says(caplog: pytest.LogCaptureFixture) -> None:
    scans = [{"patient": f"P{number // 2}", "abnormal": 0} for number in range(28)]
    lesions = [{"patient": f"L{number}", "abnormal": 1} for number in range(3)]
    with caplog.at_level(logging.INFO):
        for data in (scans, scans[:4] + [{"patient": None, "abnormal": 0}] * 3, scans + lesions, lesions):
            tell_promise(data)
    told = [record.message.removeprefix("Calibration: ") for record in caplog.records]
    assert told == [promise(14), promise(5), promise(14), promise(0, 3)]
