"""A calibration says what it says, survives JSON, and is not believed when it contradicts itself."""

import json
from typing import Any

import pytest

from monai_sar.calibration import Calibration, ScoreCalibrationError, summary
from tests.calibration.conftest import a_calibration


def test_it_survives_json() -> None:
    calibration = a_calibration([0.1, 1 / 3, 2e-7, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0])
    assert Calibration.from_dict(json.loads(json.dumps(calibration.to_dict()))) == calibration


def test_a_patient_counts_as_one_however_many_scans_there_are() -> None:
    calibration = a_calibration([1.0, 2.0, 3.0], (), scan_scores=((1.0, 1.0), (2.0,), (0.0, 4.0)), scans=5)
    assert calibration.p_value(2.5, kind="volumes") == (1 + 0.5) / 4
    assert calibration.p_value(2.0, kind="volumes") == (1 + 1.5) / 4
    assert calibration.p_value(9.0, kind="volumes") == 1 / 4
    assert calibration.p_value(-1.0, kind="volumes") == 1


def test_a_scan_of_another_kind_or_that_was_seen_gets_no_p_value() -> None:
    volumes, slices = a_calibration(), a_calibration(kind="slices")
    assert volumes.why_no_p_value(kind="volumes") is None
    assert slices.p_value(5.0, kind="slices") == volumes.p_value(5.0, kind="volumes") == 0.6
    assert volumes.p_value(5.0, kind="slices") is slices.p_value(5.0, kind="volumes") is None
    note = slices.why_no_p_value(kind="volumes")
    assert note is not None
    assert "calibrated on single slices" in note
    assert "a score of whole volumes cannot be compared" in note

    seen = f"{3:012x}" + "f" * 52
    assert volumes.why_no_p_value(kind="volumes", digest="a" * 64) is None
    note = volumes.why_no_p_value(kind="volumes", digest=seen)
    assert note is not None
    assert "calibrated on this very scan" in note


def test_where_every_scan_has_a_lesion_voxels_have_thresholds_and_scans_nothing() -> None:
    calibration = a_calibration(scan_scores=(), scan_thresholds=())
    assert calibration.pixel_threshold(0.1) == 9
    assert calibration.scan_rates == ()
    assert calibration.p_value(1e9, kind="volumes") is None
    note = calibration.why_no_p_value(kind="volumes")
    assert note is not None
    assert "every scan that the detector is calibrated on shows a lesion" in note
    assert "scans get no p-value" in summary(calibration)
    assert "p-values of" not in summary(calibration)


def test_rates_of_scans_are_those_that_patients_with_a_normal_scan_can_promise() -> None:
    few = tuple((float(score),) for score in range(1, 6))
    calibration = a_calibration(scan_scores=few, scan_thresholds=(5.0,))
    assert calibration.rates == (0.1, 0.2)
    assert calibration.scan_rates == (0.2,)
    first, second = [line.split() for line in summary(calibration).splitlines()[3:]]
    assert first[2:] == ["9", "-", "-"]
    assert second[2:4] == ["8", "5"]
    with pytest.raises(ScoreCalibrationError):
        a_calibration(scan_scores=few)


def test_a_rate_it_was_not_made_for_is_told() -> None:
    assert a_calibration().pixel_threshold(0.2) == 8
    with pytest.raises(ScoreCalibrationError, match=r"5 %; .* calibrated for 10 %, 20 %\. .*--rates 0\.05"):
        a_calibration().pixel_threshold(0.05)
    with pytest.raises(ScoreCalibrationError, match="p-values only"):
        a_calibration(rates=()).pixel_threshold(0.05)


def test_its_summary_says_what_so_many_patients_can_promise() -> None:
    text = summary(a_calibration())
    assert "9 volumes of 9 normal patients, SHA-256 000000000000" in text
    assert "p-values of volumes from 0.1 upwards" in text
    assert "9 single slices of 9 normal patients" in summary(a_calibration(kind="slices"))
    rows = [line.split() for line in text.splitlines()[3:]]
    assert [row[:2] for row in rows] == [["10", "%"], ["20", "%"]]
    assert "0.281 % to 33.6 %" in text  # Beta(1, 9)
    assert "No thresholds" in summary(a_calibration(rates=()))
    assert "counts as one" in summary(a_calibration(unit="scan"))


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
        {"scan_thresholds": ["$import os", 8.0]},
        {"scan_scores": [3.0, 2.0]},
        {"scan_scores": [[3.0, 2.0]] * 9},
        {"scan_scores": []},  # and thresholds of scans all the same
        {"scan_scores": [[10**400]] * 9},
        {"scan_scores": [[1e300]] * 9},
        {"pixel_thresholds": [1e300, 8.0]},
        {"scan_scores": [[1.0]] * 10},
        {"scan_scores": [[1.0, 2.0]] * 9},
        {"scan_scores": [[]] * 9},
        {"scan_scores": 7},
        {"scan_scores": {"a": 1}},
        {"units": 0},
        {"units": 8},
        {"units": 10},
        {"units": 9.5},
        {"units": True},
        {"units": "nine"},
        {"unit": "slice"},
        {"unit": ["patient"]},
        {"kind": "images"},
        {"kind": None},
        {"scans": 8},
        {"scans": 9.5},
        {"scans": "nine"},
        {"digests": ["0" * 12] * 10},
        {"digests": ["g" * 12]},
        {"digests": ["0" * 64]},
        {"digests": [123456789012]},
        {"digests": 7},
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
