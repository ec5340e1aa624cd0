"""A calibration says what it says, survives JSON, and is not believed when it contradicts itself."""

import json
from typing import Any

import pytest

from monai_sar.calibration import Calibration, ScoreCalibrationError, summary
from tests.calibration.conftest import a_calibration


def test_it_survives_json() -> None:
    calibration = a_calibration([0.1, 1 / 3, 2e-7, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0])
    assert Calibration.from_dict(json.loads(json.dumps(calibration.to_dict()))) == calibration


def test_p_values_of_scans_and_of_images() -> None:
    """A scan is compared with one score for each patient, an image with all of theirs, each patient counting as one."""
    calibration = a_calibration([1.0, 2.0, 3.0], (), image_scores=((1.0, 1.0), (2.0,), (0.0, 4.0)), images=5)
    assert calibration.p_value(2.5) == (1 + 1) / 4
    assert calibration.p_value(2.5, of="image") == (1 + 0.5) / 4
    assert calibration.p_value(9.0) == calibration.p_value(9.0, of="image") == 1 / 4
    assert calibration.p_value(0.0) == calibration.p_value(0.0, of="image") == 1


def test_a_rate_it_was_not_made_for_is_told() -> None:
    assert a_calibration().pixel_threshold(0.2) == 8
    with pytest.raises(ScoreCalibrationError, match=r"5 %; .* calibrated for 10 %, 20 %\. .*--rates 0\.05"):
        a_calibration().pixel_threshold(0.05)
    with pytest.raises(ScoreCalibrationError, match="p-values only"):
        a_calibration(rates=()).pixel_threshold(0.05)


def test_its_summary_says_what_so_many_patients_can_promise() -> None:
    text = summary(a_calibration())
    assert "9 images of 9 normal patients, SHA-256 000000000000" in text
    assert "p-values from 0.1 upwards" in text
    rows = [line.split() for line in text.splitlines()[3:]]
    assert [row[:2] for row in rows] == [["10", "%"], ["20", "%"]]
    assert "0.281 % to 33.6 %" in text  # Beta(1, 9)
    assert "No thresholds" in summary(a_calibration(rates=()))
    assert "counts as one" in summary(a_calibration(unit="image"))


@pytest.mark.parametrize(
    "change",
    [
        {"rates": [0.1]},
        {"rates": [0.2, 0.1]},
        {"rates": [0.1, 0.1]},
        {"rates": [0.01, 0.2]},  # nine patients cannot promise it
        {"rates": [0.1, float("nan")]},
        {"rates": "0.1"},
        {"rates": [True, 0.2]},
        {"pixel_thresholds": [8.0, 9.0]},
        {"pixel_thresholds": [float("inf"), 8.0]},
        {"scan_thresholds": [9.0]},
        {"image_thresholds": ["$import os", 8.0]},
        {"scan_scores": [3.0, 2.0]},
        {"scan_scores": []},
        {"scan_scores": [10**400]},
        {"image_scores": [[1.0]]},
        {"image_scores": [[]] * 9},
        {"image_scores": 7},
        {"image_scores": {"a": 1}},
        {"unit": "slice"},
        {"unit": ["patient"]},
        {"images": 8},
        {"images": "nine"},
        {"data_sha256": "g" * 64},
        {"data_sha256": "0" * 64 + "\n"},
        {"data_sha256": None},
        {"more": 1},
    ],
    ids=str,
)
def test_what_is_no_calibration_is_not_believed(change: dict[str, Any]) -> None:
    saved = a_calibration().to_dict()
    Calibration.from_dict(saved)
    with pytest.raises(ScoreCalibrationError):
        Calibration.from_dict(saved | change)


@pytest.mark.parametrize("saved", [None, [], "text", {}, {"rates": []}])
def test_something_else_is_not_believed(saved: Any) -> None:
    with pytest.raises(ScoreCalibrationError, match="lacks fields"):
        Calibration.from_dict(saved)
