"""Which slices are shown."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from monai_sar.results.representative_slices import most_anomalous_slice, representative_slices, tissue


def ball(depth: int) -> npt.NDArray[Any]:
    """A bright ball in air: the first and last slices are empty."""
    rows, columns, slices = np.mgrid[-1:1:32j, -1:1:32j, -1.25 : 1.25 : depth * 1j]
    return np.where(rows**2 + columns**2 + slices**2 < 1, 100.0, -1000.0)


@pytest.mark.parametrize("depth", [1, 2, 5, 40])
@pytest.mark.parametrize("slices", [1, 3, 5, 60])
def test_slices_are_distinct_ascending_and_hold_the_worst(depth: int, slices: int) -> None:
    scores = np.random.default_rng(depth).random((32, 32, depth))
    chosen = representative_slices(tissue(ball(depth)), most_anomalous_slice(scores), slices=slices)
    assert chosen == sorted(set(chosen))
    assert 1 <= len(chosen) <= min(slices, depth)
    assert most_anomalous_slice(scores) in chosen


def test_empty_ends_are_not_shown_and_the_rest_is_spread() -> None:
    image = ball(40)
    scores = np.zeros(image.shape)
    scores[10:20, 10:20, 19] = 1
    chosen = representative_slices(tissue(image), most_anomalous_slice(scores), slices=5)
    assert 19 in chosen
    assert all((image[:, :, index] > 0).any() for index in chosen)
    assert np.diff(chosen).min() >= 3
    assert chosen[-1] - chosen[0] > 20


def test_an_anomaly_in_an_empty_slice_is_shown_all_the_same() -> None:
    image = ball(40)
    scores = np.zeros(image.shape)
    scores[:8, :8, 0] = 1
    assert representative_slices(tissue(image), most_anomalous_slice(scores), slices=3)[0] == 0


@pytest.mark.parametrize("lesion_slice", [0, 7, 19, 20, 39])
@pytest.mark.parametrize("slices", [2, 5])
def test_the_worst_slice_and_the_lesion_are_both_shown(lesion_slice: int, slices: int) -> None:
    scores, lesion = np.zeros((32, 32, 40)), np.zeros((32, 32, 40), dtype=bool)
    scores[10:20, 10:20, 19] = 1
    lesion[4:9, 4:9, lesion_slice] = True
    chosen = representative_slices(tissue(ball(40)), most_anomalous_slice(scores), lesion=lesion, slices=slices)
    assert {19, lesion_slice} <= set(chosen)
    assert len(chosen) == slices


def test_one_stray_pixel_does_not_decide() -> None:
    scores = np.zeros((64, 64, 6))
    scores[5, 5, 1] = 2
    scores[20:28, 20:28, 4] = 1
    assert most_anomalous_slice(scores) == 4


def test_scores_outside_the_foreground_do_not_choose_the_slice() -> None:
    scores, foreground = np.zeros((64, 64, 6), np.float32), np.zeros((64, 64, 6), bool)
    foreground[16:48, 16:48] = True
    scores[20:28, 20:28, 4] = 1
    scores[:8, :8, 2] = 9
    assert most_anomalous_slice(scores) == 2
    assert most_anomalous_slice(scores, foreground) == 4
    assert most_anomalous_slice(scores - 5, foreground, elsewhere=-5) == 4


def test_nan_is_air_and_a_constant_image_is_all_tissue() -> None:
    image = ball(9)
    with_nan = np.where(image < 0, np.nan, image + np.random.default_rng(0).random(image.shape))
    assert not tissue(with_nan)[image < 0].any()
    assert tissue(np.full((4, 4, 2), 7.0)).all()
