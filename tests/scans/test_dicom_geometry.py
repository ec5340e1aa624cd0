"""Invariants of stacking: order, rotation and a slice's place do not depend on how the planes were given."""

from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

from monai_sar.scans.dicom_geometry import Plane, accepted_unevenness, position_tolerance, stack_planes
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
    accepted = accepted_unevenness(spacing)
    assert position_tolerance(spacing) <= accepted <= 0.1 * spacing
    assert accepted <= 0.1
    for shift, passes in [(0.9 * accepted, True), (1.3 * accepted, False)]:
        given = planes(np.eye(3), np.arange(7) * spacing + np.array([0, 0, 0, shift, 0, 0, 0]), (0.5, 0.5))
        if passes:
            stack = stack_planes(given, "", thickness=None)
            assert stack.order == tuple(range(7))
            assert stack.unevenness == pytest.approx(shift, rel=1e-3)
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


@pytest.mark.parametrize("count", [2, 5, 60])
@pytest.mark.parametrize("spacing", [1.0, 1.6, 5.0])
def test_positions_rounded_to_a_tenth_of_a_millimetre_are_even(
    rotation: NDArray[np.float64], spacing: float, count: int
) -> None:
    exact = planes(rotation, np.arange(count) * spacing, (0.5, 0.5))
    rounded = [Plane(plane.position.round(1), *list(vars(plane).values())[1:]) for plane in exact]
    try:
        stack = stack_planes(rounded, "", thickness=None)
    except ScanError as error:
        pytest.fail(str(error))
    assert stack.order == tuple(range(count))
    for index in (0, count - 1):
        place = (np.diag([-1, -1, 1, 1]) @ stack.affine @ [0, 0, index, 1])[:3]
        assert np.abs(place - exact[index].position).max() <= 0.05 + 1e-9


def test_a_slight_tilt_that_adds_up_is_refused() -> None:
    given = planes(np.eye(3), np.arange(40) * 5.0, (0.5, 0.5))
    tilted = [
        Plane(plane.position + np.array([0, 0.06 * k, 0]), *list(vars(plane).values())[1:])
        for k, plane in enumerate(given)
    ]
    with pytest.raises(ScanError, match="gantry tilt"):
        stack_planes(tilted, "", thickness=None)


def test_an_orientation_of_two_decimals_is_called_so() -> None:
    """Positions run along the true normal, which is not that of the rounded cosines."""
    cosines = np.array([0.9396926, 0.3420201, 0.0, -0.2961981, 0.8137977, 0.5])
    normal = np.cross(cosines[:3], cosines[3:])
    given = [Plane(k * 3.0 * normal, cosines.round(2), np.array([0.5, 0.5]), (20, 30)) for k in range(30)]
    with pytest.raises(ScanError, match="rounded to two decimals"):
        stack_planes(given, "", thickness=None)


@pytest.mark.parametrize("far", [1e30, -1e12, 1e6])
def test_what_is_no_place_in_a_patient_is_refused(far: float) -> None:
    with pytest.raises(ScanError, match="no place in a patient"):
        stack_planes(planes(np.eye(3), [0, far, 2 * far], (0.5, 0.5)), "", thickness=None)
    with pytest.raises(ScanError, match="no place in a patient"):
        stack_planes(planes(np.eye(3), [0.0], (0.5, abs(far))), "", thickness=None)
