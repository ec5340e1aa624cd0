"""Shapes measure depth and distance in mm."""

import numpy as np
import pytest

from monai_sar.phantoms.shapes import coverage, distance_to_box, ellipsoid, tube


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(0).uniform(-30, 30, (3, 500)).astype(np.float32)


def test_coverage_is_half_on_the_surface_and_saturates_half_a_width_away() -> None:
    depth = np.array([-5, -1, 0, 0.5, 1, 5], np.float32)
    np.testing.assert_allclose(coverage(depth, width=2), [0, 0, 0.5, 0.75, 1, 1])


def test_a_sphere_knows_its_depth_exactly(points: np.ndarray) -> None:
    centre = np.array([1.0, -2.0, 3.0])
    expected = 10 - np.linalg.norm(points - centre[:, None], axis=0)
    np.testing.assert_allclose(ellipsoid(points, centre.tolist(), (10, 10, 10)), expected, atol=1e-4)


def test_an_ellipsoid_is_positive_exactly_inside(points: np.ndarray) -> None:
    inside = (points[0] / 8) ** 2 + (points[1] / 20) ** 2 + (points[2] / 12) ** 2 < 1
    np.testing.assert_array_equal(ellipsoid(points, (0, 0, 0), (8, 20, 12)) > 0, inside)


def test_a_tube_without_length_changes_is_a_capsule(points: np.ndarray) -> None:
    depth = tube(points, [(0, -10, 0, 4), (0, 0, 0, 4), (0, 10, 0, 4)])
    expected = 4 - distance_to_box(points, (0, 0, 0), (0, 10, 0))
    np.testing.assert_allclose(depth, expected, atol=1e-4)


def test_the_radius_of_a_tube_runs_from_corner_to_corner() -> None:
    on_axis = np.array([[0, 0, 0], [0, 5, 10], [0, 0, 0]], np.float32)
    np.testing.assert_allclose(tube(on_axis, [(0, 0, 0, 2), (0, 10, 0, 6)]), [2, 4, 6], atol=1e-5)


def test_distance_to_a_box_is_zero_inside_and_euclidean_outside() -> None:
    at = np.array([[0, 5, 4], [0, 0, 5], [0, 0, 0]], np.float32)
    np.testing.assert_allclose(distance_to_box(at, (0, 0, 0), (1, 1, 1)), [0, 4, 5])
