"""What is promised holds, in simulations of patients whose pixels and slices are anything but independent."""

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from monai_sar.calibration.conformal import (
    NormalScores,
    ScoreCalibrationError,
    realised_rate_interval,
    require_units,
    smallest_rate,
    units_needed,
)
from monai_sar.calibration.patient_scores import by_patient, upper_levels

Floats = NDArray[np.floating[Any]]

DRAWS = 2000


def cohort(generator: np.random.Generator, patients: int, *, slices: int = 6, pixels: int = 20) -> Floats:
    """Scores ``[patients, slices, pixels]``: what differs most is the patient, then the slice, then the pixel."""
    patient = generator.gumbel(size=(patients, 1, 1))
    of_slice = generator.normal(0, 0.5, (patients, slices, 1))
    noise: Floats = generator.normal(0, 0.3, (patients, slices, pixels))
    return patient + of_slice + noise


def upper_limit(rate: float, realised: Floats) -> float:
    """The rate, and four standard errors of its estimate."""
    return float(rate + 4 * realised.std() / np.sqrt(realised.size))


@pytest.mark.parametrize(("patients", "rate", "pooling_breaks"), [(19, 0.05, True), (24, 0.1, True), (60, 0.05, False)])
def test_no_more_pixels_of_a_new_patient_are_flagged_than_was_promised(
    patients: int, rate: float, pooling_breaks: bool
) -> None:
    """And more are where the pixels of few patients are pooled as if they were independent."""
    generator = np.random.default_rng(patients)
    realised, pooled = np.empty(DRAWS), np.empty(DRAWS)
    for draw in range(DRAWS):
        normal, new = cohort(generator, patients), cohort(generator, 20)
        threshold = NormalScores(normal.reshape(patients, -1)).threshold(rate)
        realised[draw] = (new > threshold).mean()
        pooled[draw] = (new > np.quantile(normal, 1 - rate)).mean()
    assert realised.mean() <= upper_limit(rate, realised)
    assert realised.mean() >= rate - 2 / (patients + 1)  # and not far fewer
    if pooling_breaks:  # with many patients the pooled quantile comes close
        assert pooled.mean() > upper_limit(rate, pooled)


@pytest.mark.parametrize("images_differ_in_number", [False, True])
def test_p_values_of_new_patients_are_no_smaller_than_chance(images_differ_in_number: bool) -> None:
    """One score for each patient; and one image of a patient, compared with all images of the others."""
    generator = np.random.default_rng(1)
    patients, rates = 39, np.array([0.025, 0.05, 0.1, 0.2, 0.5])
    scan_p, image_p, wrong_p = np.empty(DRAWS), np.empty(DRAWS), np.empty(DRAWS)
    for draw in range(DRAWS):
        scores = cohort(generator, patients + 1, slices=12)
        images = [list(np.sort(each, axis=-1)[:, -5:].mean(-1)) for each in scores]
        if images_differ_in_number:
            images = [each[: generator.integers(4, 13)] for each in images]
        scans = np.sort(scores.reshape(patients + 1, -1))[:, -30:].mean(-1)
        scan_p[draw] = NormalScores([[score] for score in scans[:-1]]).p_value(scans[-1])
        image_p[draw] = NormalScores(images[:-1]).p_value(images[-1][0])
        # the wrong way: every image a unit of its own, as if those of one patient were independent
        others = np.concatenate(images[:-1])
        wrong_p[draw] = (1 + (others >= images[-1][0]).sum()) / (1 + others.size)
    for p_values in (scan_p, image_p):
        assert p_values.min() >= smallest_rate(patients)
        for rate in rates:
            found = p_values <= rate + 1e-9
            assert found.mean() <= rate + 4 * np.sqrt(rate * (1 - rate) / DRAWS), rate
    assert (scan_p <= 0.1 + 1e-9).mean() == pytest.approx(0.1, abs=4 * np.sqrt(0.1 * 0.9 / DRAWS))
    assert (wrong_p <= 0.005).mean() > 0.005 + 4 * np.sqrt(0.005 / DRAWS)


@pytest.mark.parametrize(("patients", "rate"), [(19, 0.05), (50, 0.1), (200, 0.05)])
def test_the_realised_rate_lies_in_its_interval_as_often_as_it_says(patients: int, rate: float) -> None:
    """The rate of one threshold is known exactly, because the distribution of the scores is."""
    generator = np.random.default_rng(2)
    low, high = realised_rate_interval(patients, rate)
    assert low < rate < high
    thresholds = [NormalScores(generator.normal(size=(patients, 1))).threshold(rate) for _ in range(DRAWS)]
    realised = stats.norm.sf(thresholds)
    assert realised.mean() <= upper_limit(rate, realised)
    inside = ((realised >= low) & (realised <= high)).mean()
    assert inside == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / DRAWS))


def test_of_pixels_the_interval_is_a_bound() -> None:
    """Patients whose pixels are all flagged or none vary most; the interval is theirs."""
    generator = np.random.default_rng(3)
    patients, rate = 40, 0.1
    _, high = realised_rate_interval(patients, rate)
    realised = []
    for _ in range(400):
        threshold = NormalScores(cohort(generator, patients).reshape(patients, -1)).threshold(rate)
        realised.append((cohort(generator, 1000) > threshold).mean())
    assert np.mean(np.array(realised) > high) <= 0.025


def test_flagged_is_what_has_a_p_value_at_most_the_rate() -> None:
    """Also among scores that are equal, and where patients have images of different numbers."""
    generator = np.random.default_rng(4)
    for _ in range(300):
        patients = int(generator.integers(4, 30))
        units = [generator.integers(0, 8, generator.integers(1, 5)).astype(float) for _ in range(patients)]
        scores = NormalScores(units)
        for rate in (0.2, 0.25, 1 / 3, 0.5):
            threshold = scores.threshold(rate)
            assert any(threshold in unit for unit in units)
            for score in np.arange(-1, 9.5, 0.5):
                shares = sum(np.mean(unit >= score) for unit in units)
                assert scores.p_value(score) == pytest.approx((1 + shares) / (patients + 1))
                assert (score > threshold) == (scores.p_value(score) <= rate + 1e-9)


def test_the_issues_formula() -> None:
    scores = NormalScores([[1.0], [2.0], [2.0], [3.0]])
    for score, above in ((0.5, 4), (2.0, 3), (2.5, 1), (3.0, 1), (9.0, 0)):
        assert scores.p_value(score) == (1 + above) / 5


@pytest.mark.parametrize("count", [1, 7, 1000, 1001, 4999, 30_000])
def test_many_pixels_are_kept_as_few_that_flag_no_more(count: int) -> None:
    scores = np.random.default_rng(count).normal(size=count).astype(np.float32)
    kept = upper_levels(scores, levels=1000)
    assert kept.size == min(count, 1000)
    for threshold in np.concatenate([scores[:300], kept[:300], [-9, 9]]):
        exact, found = (scores > threshold).mean(), (kept > threshold).mean()
        assert exact - 1e-12 <= found < exact + 1 / 1000
    if count <= 1000:
        np.testing.assert_array_equal(kept, np.sort(scores))


def test_thresholds_of_kept_pixels_are_those_of_all_of_them() -> None:
    """Against every pixel in one array, by brute force: never less strict, and by no more than what one level is."""
    generator = np.random.default_rng(5)
    patients = [generator.gamma(2, size=size).astype(np.float32) for size in generator.integers(2000, 30_000, 25)]

    def expected_rate(threshold: float) -> float:
        return float((1 + sum((scores > threshold).mean() for scores in patients)) / 26)

    for rate in (0.05, 0.1):
        threshold = NormalScores([upper_levels(scores) for scores in patients]).threshold(rate)
        assert rate - 1e-4 - 1e-6 <= expected_rate(threshold) <= rate


# --- too few, and what is no score ---


@pytest.mark.parametrize(("rate", "needed"), [(0.01, 99), (0.05, 19), (0.1, 9), (0.5, 1), (1 / 3, 2), (0.03, 33)])
def test_so_many_patients_are_needed(rate: float, needed: int) -> None:
    assert units_needed(rate) == needed
    require_units(needed, [rate])
    highest = NormalScores([[float(score)] for score in range(needed)]).threshold(rate)
    assert highest == needed - 1
    if needed > 1:
        with pytest.raises(ScoreCalibrationError, match=f"needs {needed}"):
            NormalScores([[float(score)] for score in range(needed - 1)]).threshold(rate)


def test_too_few_patients_are_told_with_a_way_out() -> None:
    with pytest.raises(ScoreCalibrationError) as error:
        require_units(10, [0.05, 0.01])
    assert "Found 10 normal patients" in str(error.value)
    assert "1 % needs 99 and 5 % needs 19" in str(error.value)
    assert "--rates 0.091" in str(error.value)
    require_units(10, [0.091])
    with pytest.raises(ScoreCalibrationError, match="add normal patients"):
        require_units(0, [0.05])


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, 5.0, float("nan")])
def test_a_rate_that_is_none_is_told(rate: float) -> None:
    with pytest.raises(ScoreCalibrationError, match="between 0 and 1"):
        require_units(1000, [rate])


@pytest.mark.parametrize("units", [[], [[]], [[1.0], []], [[np.nan]], [[1.0], [np.inf]]])
def test_what_is_no_score_is_told(units: list[list[float]]) -> None:
    with pytest.raises(ScoreCalibrationError, match="at least one score"):
        NormalScores(units)


def test_an_image_of_an_unknown_patient_stands_alone() -> None:
    assert by_patient(["a", None, "b", "a", None]) == [[0, 3], [1], [2], [4]]


def test_thresholds_survive_json() -> None:
    """Float32 scores, as JSON holds them, compare with maps as before."""
    score = np.float32(0.1)
    threshold = json.loads(json.dumps(NormalScores([np.array([score])]).threshold(0.5)))
    assert not score > threshold
    assert np.nextafter(score, np.float32(1)) > threshold
