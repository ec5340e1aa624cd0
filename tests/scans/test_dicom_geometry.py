"""Invariants of stacking: order, rotation and a slice's place do not depend on how the planes were given."""

from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

from monai_sar.scans.dicom_geometry import Plane, position_tolerance, stack_planes
from monai_sar.scans.scan import ScanError


def planes(
    rotation: NDArray[np.float64], positions: Iterable[float], pixel_spacing: tuple[float, float]
) -> list[Plane]:
    """Planes whose rows, columns and normal are the columns of ``rotation``, at distances along the normal."""
    orientation = rotation[:, :2].T.reshape(-1)
    size = (20, 30)
    return [
        Plane(np.array([5.0, -7.0, 11.0]) + d * rotation[:, 2], orientation, np.array(pixel_spacing), size)
        for d in positions
    ]


@pytest.fixture
def rotation() -> NDArray[np.float64]:
    q, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    return np.asarray(q * np.sign(np.linalg.det(q)))


def test_order_of_input_does_not_matter(rotation: NDArray[np.float64]) -> None:
    given = planes(rotation, np.arange(9) * 2.5, (0.5, 0.8))
    shuffle = np.random.default_rng(0).permutation(9)
    stack = stack_planes(given, "", thickness=None)
    shuffled = stack_planes([given[i] for i in shuffle], "", thickness=None)
    np.testing.assert_allclose(shuffled.affine, stack.affine, atol=1e-12)
    assert [shuffle[i] for i in shuffled.order] == list(stack.order) == list(range(9))


def test_affine_is_right_handed_in_lps_with_the_given_spacing(rotation: NDArray[np.float64]) -> None:
    stack = stack_planes(planes(rotation, [4.0, 2.0, 6.0], (0.5, 0.8)), "", thickness=None)
    np.testing.assert_allclose(np.linalg.norm(stack.affine[:3, :3], axis=0), [0.8, 0.5, 2.0])
    assert np.linalg.det(stack.affine[:3, :3]) > 0  # two axes change sign from LPS to RAS
    assert stack.order == (1, 0, 2)
    assert stack.spacing == pytest.approx(2.0)


def test_one_plane_is_as_thick_as_told(rotation: NDArray[np.float64]) -> None:
    one = planes(rotation, [0.0], (0.5, 0.8))
    thick, unknown = stack_planes(one, "", thickness=4.0), stack_planes(one, "", thickness=None)
    assert np.linalg.norm(thick.affine[:3, 2]) == pytest.approx(4.0)
    assert np.linalg.norm(unknown.affine[:3, 2]) == pytest.approx(1.0)
    assert unknown.spacing is None


@pytest.mark.parametrize("spacing", [0.01, 0.1, 0.625, 5.0])
def test_what_is_within_tolerance_passes_and_what_is_beyond_does_not(spacing: float) -> None:
    tolerance = position_tolerance(spacing)
    assert tolerance <= 0.1 * spacing
    for shift, passes in [(0.9 * tolerance, True), (1.1 * tolerance, False)]:
        given = planes(np.eye(3), np.arange(7) * spacing + np.array([0, 0, 0, shift, 0, 0, 0]), (0.5, 0.5))
        if passes:
            assert stack_planes(given, "", thickness=None).order == tuple(range(7))
        else:
            with pytest.raises(ScanError, match="unevenly spaced"):
                stack_planes(given, "", thickness=None)


@pytest.mark.parametrize("lost", [1, 3, 5])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("spacing", [0.012, 1.0, 7.0])
def test_any_inner_gap_is_found(lost: int, count: int, spacing: float) -> None:
    kept = [d * spacing for d in range(9) if not lost <= d < lost + count]
    with pytest.raises(ScanError, match=f"slices are missing: .* so {count} are missing"):
        stack_planes(planes(np.eye(3), kept, (0.5, 0.5)), "", thickness=None)
