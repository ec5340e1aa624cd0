"""One subject: reproducible, the same eye with and without a lesion, with margins that mean nothing."""

import numpy as np
import pytest

from monai_sar.phantoms.retinal_oct import RETINAL_OCT, RetinaLesionKind, RetinaPhantom, make_retina_phantom
from monai_sar.phantoms.retinal_oct.grid import SHAPE
from monai_sar.phantoms.retinal_oct.lesion import REACH_MM
from monai_sar.phantoms.retinal_oct.oct_signal import BRIGHTEST, MARGIN
from monai_sar.phantoms.retinal_oct.subject import USUAL_SPACING, has_positions

BLUR = 3  # voxels


@pytest.fixture(scope="module")
def normal() -> RetinaPhantom:
    return make_retina_phantom(0, 4)


@pytest.fixture(scope="module")
def cohort() -> list[RetinaPhantom]:
    kinds = (None, *RetinaLesionKind)
    return [make_retina_phantom(3, subject, kinds[subject % len(kinds)]) for subject in range(20)]


@pytest.mark.parametrize("kind", [None, *RetinaLesionKind])
def test_the_same_numbers_give_the_same_subject(kind: RetinaLesionKind | None) -> None:
    first, again = (make_retina_phantom(0, 4, kind) for _ in range(2))
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.mask, again.mask)
    np.testing.assert_array_equal(first.affine, again.affine)
    assert (first.spacing, first.laterality) == (again.spacing, again.laterality)


@pytest.mark.parametrize(("seed", "subject"), [(0, 6), (1, 4), (4, 0)])
def test_other_numbers_give_another_subject(seed: int, subject: int, normal: RetinaPhantom) -> None:
    other = make_retina_phantom(seed, subject)
    assert np.corrcoef(other.image.ravel(), normal.image.ravel())[0, 1] < 0.9
    assert other.spacing != normal.spacing


def test_a_scan_holds_grey_values_of_8_bits(cohort: list[RetinaPhantom]) -> None:
    for phantom in cohort:
        assert phantom.image.shape == phantom.mask.shape == SHAPE
        assert phantom.image.dtype == np.float32
        assert np.isfinite(phantom.image).all()
        assert phantom.image.min() >= 0
        assert phantom.image[phantom.image < MARGIN].max() <= BRIGHTEST
        pixels = RETINAL_OCT.slice_pixels(phantom)
        assert pixels.dtype == np.uint8
        assert np.abs(pixels - phantom.image).max() <= 0.5


@pytest.mark.parametrize("subject", [4, 5])
@pytest.mark.parametrize("kind", list(RetinaLesionKind))
def test_a_lesion_changes_nothing_beyond_its_reach(kind: RetinaLesionKind, subject: int) -> None:
    normal, abnormal = make_retina_phantom(0, subject), make_retina_phantom(0, subject, kind)
    changed = (abnormal.image != normal.image).any(0)
    assert abnormal.mask.any()
    assert not normal.mask.any()
    assert not (abnormal.mask.any(0) & ~changed).any()
    assert abnormal.spacing == normal.spacing
    _, columns_mm, slices_mm = normal.spacing
    columns, slices = (np.flatnonzero(changed.any(axis)) for axis in (1, 0))
    assert np.ptp(columns) <= 2 * (REACH_MM / columns_mm + BLUR)
    assert np.ptp(slices) <= 2 * REACH_MM / slices_mm
    assert 0.02 < changed.mean() < 0.7
    np.testing.assert_array_equal(abnormal.image == MARGIN, normal.image == MARGIN)


def test_margins_are_pure_white_wedges_in_about_a_third_of_the_scans(cohort: list[RetinaPhantom]) -> None:
    white = [phantom.image == MARGIN for phantom in cohort]
    has = np.array([w.any() for w in white])
    assert 0.15 < has.mean() < 0.55
    for phantom, margin in zip(cohort, white, strict=True):
        assert not (margin & phantom.mask).any()
        assert margin.mean() < 0.2
        # every column starts or ends with its margin, and has no other white
        runs = np.abs(np.diff(margin.astype(np.int8), axis=0)).sum(0)
        assert runs.max() <= 1
        edges = margin.sum(0)
        straight = np.abs(np.diff(edges.astype(int), axis=0))
        assert straight.max(initial=0) <= 1


def test_brightness_noise_and_eyes_differ_between_scans(cohort: list[RetinaPhantom]) -> None:
    tissue = [phantom.image[phantom.image < MARGIN] for phantom in cohort]
    bright, floor = (np.array([np.quantile(values, q) for values in tissue]) for q in (0.98, 0.2))
    assert bright.max() > 1.3 * bright.min()
    assert floor.max() - floor.min() > 10
    assert {phantom.laterality for phantom in cohort} == {"R", "L"}


def test_spacing_differs_where_the_export_says_it_and_is_the_usual_one_elsewhere(cohort: list[RetinaPhantom]) -> None:
    positioned = [phantom for subject, phantom in enumerate(cohort) if has_positions(subject)]
    columns, slices = (np.array([phantom.spacing[i] for phantom in positioned]) for i in (1, 2))
    assert np.ptp(columns) > 0.1 * columns.mean()
    assert np.ptp(slices) > 0.2 * slices.mean()
    assert (slices > 10 * columns).all()
    bare = [phantom for subject, phantom in enumerate(cohort) if not has_positions(subject)]
    assert {phantom.spacing for phantom in bare} == {USUAL_SPACING}
    for number in (9000, 9500):
        assert {has_positions(number), has_positions(number + 1)} == {True, False}


def test_the_affine_runs_to_posterior_left_and_superior_a_little_oblique(cohort: list[RetinaPhantom]) -> None:
    for phantom in cohort:
        axes = phantom.affine[:3, :3] / phantom.spacing
        np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-12)
        closeness = np.array([-axes[1, 0], -axes[0, 1], axes[2, 2]])
        assert (closeness > np.cos(np.radians(12))).all()
        assert closeness.min() < 1 - 1e-5
