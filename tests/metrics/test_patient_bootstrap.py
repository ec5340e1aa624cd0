"""Intervals that hold what they say, and none where they could not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from monai_sar.metrics.patient_bootstrap import PatientBootstrap
from monai_sar.metrics.ranked_counts import auroc

FloatArray = NDArray[np.float64]


def test_intervals_cover_the_truth_when_patients_differ() -> None:
    """Images of a patient are alike: an interval that took them for independent would be far too narrow."""
    generator = np.random.default_rng(0)
    truth, images = 0.3, 20
    over_patients = over_images = 0
    trials, patients = 150, 40
    for trial in range(trials):
        rates = generator.beta(1.5, 3.5, patients)  # mean 0.3
        flagged = generator.binomial(images, rates).astype(float)
        found = PatientBootstrap(patients, resamples=300, seed=trial).share(
            flagged, np.full(patients, float(images)), n=images * patients, of="images"
        )
        assert found.low is not None
        assert found.high is not None
        over_patients += found.low <= truth <= found.high
        half = 1.96 * np.sqrt(flagged.sum() * (1 - flagged.mean() / images)) / (images * patients)
        over_images += abs(flagged.mean() / images - truth) <= half
    assert 0.89 <= over_patients / trials <= 1
    assert over_images / trials < 0.75


def test_the_interval_of_an_auroc_has_the_width_that_new_samples_show() -> None:
    generator = np.random.default_rng(1)

    def sample() -> FloatArray:
        return np.concatenate([generator.normal(size=60), generator.normal(1, 1, 60)])

    abnormal = np.repeat([False, True], 60)

    def measure(scores: FloatArray, weights: FloatArray) -> FloatArray:
        order = np.argsort(scores)
        kind = abnormal[order]
        return auroc(weights[:, order] * ~kind, weights[:, order] * kind)

    drawn = [measure(sample(), np.ones((1, 120)))[0] for _ in range(400)]
    scores = sample()
    found = PatientBootstrap(120).estimate(lambda weights: measure(scores, weights), n=120, of="images")
    assert found.low is not None
    assert found.high is not None
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert found.high - found.low == pytest.approx(high - low, rel=0.25)


def test_draws_are_whole_patients_and_the_same_every_time() -> None:
    one, two = PatientBootstrap(7, resamples=50), PatientBootstrap(7, resamples=50)
    assert one.weights.shape == (50, 7)
    assert (one.weights.sum(axis=1) == 7).all()
    np.testing.assert_array_equal(one.weights, two.weights)
    assert (PatientBootstrap(7, resamples=50, seed=1).weights != one.weights).any()


def test_a_better_value_takes_the_interval_along() -> None:
    have = np.arange(20.0) / 20

    def mean(weights: FloatArray) -> FloatArray:
        means: FloatArray = weights @ have / weights.sum(axis=1)
        return means

    bootstrap = PatientBootstrap(20)
    plain, moved = (bootstrap.estimate(mean, n=20, of="patients", value=value) for value in (None, 0.5))
    assert plain.value == pytest.approx(0.475)
    assert plain.low is not None
    assert moved.low == pytest.approx(plain.low + 0.025)


def test_there_is_no_interval_where_it_would_mislead() -> None:
    bootstrap = PatientBootstrap(8)
    few = np.arange(8) < 4
    found = bootstrap.estimate(lambda weights: weights[:, 0] / 8, n=8, of="images", needs=[few])
    assert (found.low, found.note) == (None, "no interval: 4 of at least 5 patients")
    same = bootstrap.estimate(lambda weights: np.full(len(weights), 0.7), n=8, of="images")
    assert (same.value, same.low, same.note) == (0.7, None, "no interval: all resamples agree")
    nothing = bootstrap.share(np.zeros(8), np.zeros(8), n=0, of="lesions")
    assert (nothing.value, nothing.note) == (None, "nothing to measure it on")


def test_where_all_patients_agree_the_interval_is_that_of_their_number() -> None:
    """Of 30 patients without a false alarm, the 97.5 % limit of the rate is 1 - 0.025 ** (1 / 30)."""
    none = PatientBootstrap(30).share(np.zeros(30), np.full(30, 4.0), n=120, of="images")
    assert (none.value, none.low) == (0, 0)
    assert none.high == pytest.approx(1 - 0.025 ** (1 / 30))
    every = PatientBootstrap(30).share(np.full(30, 4.0), np.full(30, 4.0), n=120, of="images")
    assert every.low == pytest.approx(0.025 ** (1 / 30))
    assert every.high == 1


@pytest.mark.parametrize("wrong", [{"patients": 0}, {"resamples": 0}, {"confidence": 1.0}])
def test_numbers_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected at least one of each"):
        PatientBootstrap(**{"patients": 3, **wrong})  # type: ignore[arg-type]
