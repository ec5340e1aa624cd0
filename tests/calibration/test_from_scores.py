"""What so many patients can promise, and what a calibration keeps of their scores."""

import logging

import numpy as np
import pytest

from monai_sar.calibration import PatientScores, ScoreCalibrationError, calibration_from_scores
from monai_sar.calibration.calibration import Kind
from monai_sar.calibration.conformal import require_units
from monai_sar.calibration.from_scores import promised_rates


def patient(number: int, *scans: float, kind: Kind = "volumes") -> PatientScores:
    """Scores as one volume (or more) of a patient would leave them."""
    return PatientScores(
        pixels=np.linspace(0, number + 1, 50, dtype=np.float32),
        scans=scans,
        digests=(bytes([number]) * 32,) * max(1, len(scans)),
        sources=(f"{number:064x}"[::-1],) * max(1, len(scans)),
        kind=kind,
    )


@pytest.mark.parametrize(
    ("patients", "rates"),
    [
        (1, []),
        (8, []),
        (9, [0.1]),
        (10, [0.091]),
        (14, [0.067]),
        (18, [0.053]),
        (19, [0.05]),
        (98, [0.05]),
        (99, [0.01, 0.05]),
    ],
)
def test_few_patients_promise_the_smallest_rate_they_can(patients: int, rates: list[float]) -> None:
    assert promised_rates(patients) == rates
    require_units(patients, rates)


@pytest.mark.parametrize("patients", range(9, 19))
def test_a_rate_of_few_patients_is_nearly_the_smallest(patients: int) -> None:
    (rate,) = promised_rates(patients)
    assert 1 / (patients + 1) <= rate < 1 / (patients + 1) + 0.001


def test_few_patients_are_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        calibration = calibration_from_scores([patient(n, float(n)) for n in range(14)], None, unit="patient")
    assert calibration.rates == (0.067,)
    assert (
        "14 normal patients cannot promise a false-positive rate of 1 % or 5 % (99 or 19 patients are needed): 6.7 % "
        "is promised; p-values begin at 0.0667" in caplog.text
    )
    caplog.clear()
    none = calibration_from_scores([patient(n, float(n)) for n in range(8)], None, unit="patient")
    assert none.rates == none.pixel_thresholds == none.scan_thresholds == ()
    assert "is promised" not in caplog.text
    assert none.p_value(1e9, kind="volumes") == pytest.approx(1 / 9)


def test_a_patient_with_several_scans_counts_as_one() -> None:
    calibration = calibration_from_scores(
        [patient(0, 3.0, 1.0), *(patient(n, 2.0 + n) for n in range(1, 5))], [0.2], unit="patient"
    )
    assert (calibration.units, calibration.scans, len(calibration.digests)) == (5, 6, 5)
    assert calibration.scan_scores == ((1.0, 3.0), (3.0,), (4.0,), (5.0,), (6.0,))


def test_patients_without_a_normal_scan_count_for_voxels_alone() -> None:
    scored = [patient(n, *([float(n)] if n < 10 else [])) for n in range(19)]
    calibration = calibration_from_scores(scored, [0.05, 0.1], unit="patient")
    assert (calibration.units, len(calibration.scan_scores)) == (19, 10)
    assert calibration.scan_rates == (0.1,)
    assert len(calibration.pixel_thresholds) == 2

    lesions = calibration_from_scores([patient(n) for n in range(19)], None, unit="patient")
    assert (lesions.rates, lesions.scan_rates, lesions.scan_scores) == ((0.05,), (), ())
    assert lesions.pixel_thresholds == pytest.approx(
        calibration_from_scores([patient(n, 1.0) for n in range(19)], None, unit="patient").pixel_thresholds
    )


def test_the_order_of_patients_does_not_matter() -> None:
    scored = [patient(n, float((7 * n) % 12)) for n in range(12)]
    assert calibration_from_scores(scored, [0.1], unit="patient") == calibration_from_scores(
        scored[::-1], [0.1], unit="patient"
    )


def test_volumes_and_images_are_not_mixed() -> None:
    with pytest.raises(ScoreCalibrationError, match="volumes and single images.*expected scans of one kind"):
        calibration_from_scores([patient(0, 1.0), patient(1, 1.0, kind="slices")], None, unit="patient")
