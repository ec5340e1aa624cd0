"""Random fields have the spread, smoothness and wavelength that they state."""

import numpy as np

from monai_sar.phantoms.smooth_field import FoldingNoise, spline_field


def test_spline_field_depends_on_the_generator_alone() -> None:
    first, again, other = (spline_field(np.random.default_rng(seed), (20, 30, 8), (3, 4, 2)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1
    assert first.shape == (20, 30, 8)
    assert first.dtype == np.float32


def test_spline_field_has_the_spread_that_it_states() -> None:
    fields = [spline_field(np.random.default_rng(seed), (40, 40, 40), (8, 8, 8)) for seed in range(5)]
    assert abs(np.mean(fields)) < 0.05
    assert 0.28 < np.std(fields) < 0.38


def test_fewer_cells_make_a_smoother_field() -> None:
    coarse, fine = (
        np.abs(np.diff(spline_field(np.random.default_rng(0), (64, 64, 64), (n, n, n)), axis=0)).mean() for n in (3, 12)
    )
    assert fine > 3 * coarse


def test_folding_noise_measures_the_distance_to_its_sheets() -> None:
    noise = FoldingNoise.draw(np.random.default_rng(0), wavelength_mm=24)
    # along a line, the value changes by the cosine of the angle to the sheet for each mm: never by more than 1
    line = np.zeros((3, 400), np.float32)
    line[0] = np.linspace(0, 200, 400)
    values = np.concatenate([noise.at(line + np.float32(shift)) for shift in (0, 31, 57, 83)])
    near = np.flatnonzero(np.abs(values[:-1]) < 0.5)
    slope = np.abs(np.diff(values))[near] / 0.5
    assert np.quantile(slope, 0.9) < 1.1
    assert slope.mean() > 0.3


def test_folding_noise_has_sheets_half_a_wavelength_apart_and_is_periodic() -> None:
    noise = FoldingNoise.draw(np.random.default_rng(3), wavelength_mm=24)
    line = np.zeros((3, 2000), np.float32)
    line[1] = np.linspace(0, 205, 2000)
    shifts = np.random.default_rng(0).uniform(0, 205, (20, 3, 1)).astype(np.float32)
    crossings = np.mean([np.count_nonzero(np.diff(np.sign(noise.at(line + shift)))) for shift in shifts])
    # a line meets randomly turned sheets less often than head on: by a factor of the square root of 3
    expected = 205 / 12 / np.sqrt(3)
    assert 0.8 * expected < crossings < 1.25 * expected
    np.testing.assert_allclose(noise.at(line), noise.at(line + np.float32(205)), atol=1e-2)
