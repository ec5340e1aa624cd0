"""One subject: reproducible, plausible in HU and place, with a lesion only where its mask says so."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt

from monai_sar.phantoms.liver_ct import LiverLesionKind, LiverPhantom, make_liver_phantom
from monai_sar.phantoms.liver_ct.attenuation import Attenuation
from monai_sar.phantoms.liver_ct.subject import SHAPE, SPACING


def nominal(seed: int, subject: int) -> Attenuation:
    return Attenuation.draw(np.random.default_rng(np.random.SeedSequence([seed, subject]).spawn(4)[0]))


def inner(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(binary_erosion(mask, np.ones((3, 3, 1)), iterations=2))


@pytest.fixture(scope="module")
def normal() -> LiverPhantom:
    return make_liver_phantom(0, 5)


@pytest.fixture(scope="module", params=list(LiverLesionKind))
def abnormal(request: pytest.FixtureRequest) -> LiverPhantom:
    return make_liver_phantom(0, 5, request.param)


def test_the_same_numbers_give_the_same_person(normal: LiverPhantom, abnormal: LiverPhantom) -> None:
    np.testing.assert_array_equal(make_liver_phantom(0, 5).image, normal.image)
    np.testing.assert_array_equal(abnormal.affine, normal.affine)
    np.testing.assert_array_equal(abnormal.liver, normal.liver)


@pytest.mark.parametrize(("seed", "subject"), [(0, 6), (1, 5), (5, 0)])
def test_other_numbers_give_another_person(seed: int, subject: int, normal: LiverPhantom) -> None:
    other = make_liver_phantom(seed, subject)
    union = normal.liver | other.liver
    assert (normal.liver & other.liver).sum() < 0.92 * union.sum()
    assert not np.array_equal(other.affine, normal.affine)
    assert np.corrcoef(normal.image[union], other.image[union])[0, 1] < 0.9


def test_a_scan_is_in_hounsfield_units_with_air_around_the_body(normal: LiverPhantom) -> None:
    assert normal.image.shape == normal.liver.shape == SHAPE
    assert normal.image.dtype == np.float32
    assert normal.image.min() >= -1024
    assert 400 < normal.image.max() <= 3071
    assert not normal.mask.any()
    corners = normal.image[np.ix_([0, 1, 2, -1], [0, 1, 2, -1])]
    assert corners.mean() == pytest.approx(-1000, abs=8)


@pytest.mark.parametrize("subject", range(3))
def test_a_liver_has_its_attenuation_size_and_side(subject: int) -> None:
    phantom = make_liver_phantom(0, subject)
    assert np.median(phantom.image[inner(phantom.liver)]) == pytest.approx(nominal(0, subject).liver, abs=8)
    litres = phantom.liver.sum() * np.prod(SPACING) / 1e6
    assert 0.7 < litres < 2.5
    rows, columns, _ = (where.mean() for where in np.nonzero(phantom.liver))
    assert columns < 0.48 * SHAPE[1]  # the patient's right is on the left of the display
    assert rows < 0.55 * SHAPE[0]
    # the vessels in it belong to it
    assert (phantom.image[inner(phantom.liver)] > nominal(0, subject).liver + 35).mean() > 0.005


def test_livers_differ_and_some_are_fatty() -> None:
    livers = np.array([nominal(0, subject).liver for subject in range(200)])
    assert 0.08 < (livers < 90).mean() < 0.25
    assert livers.min() < 65
    assert 112 < livers.max() < 120


def test_a_lesion_changes_the_scan_inside_its_mask_and_nowhere_far_from_it(
    normal: LiverPhantom, abnormal: LiverPhantom
) -> None:
    change = np.abs(abnormal.image - normal.image)
    distance = distance_transform_edt(~abnormal.mask, sampling=SPACING)
    assert abnormal.mask.any()
    assert not (abnormal.mask & ~abnormal.liver).any()
    assert change[distance > 20].max() == 0
    assert np.median(change[abnormal.mask]) > 15
    # what changed beside the mask is its rim
    assert change[distance > 6].max() < 0.5 * np.median(change[abnormal.mask])


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [(LiverLesionKind.CYST, -10, 20), (LiverLesionKind.METASTASIS, 10, 72), (LiverLesionKind.HYPERVASCULAR, 125, 185)],
)
def test_a_lesion_has_the_size_and_the_attenuation_of_its_kind(kind: LiverLesionKind, low: float, high: float) -> None:
    measured = 0
    for subject in range(4):
        phantom = make_liver_phantom(4, subject, kind)
        diameter = np.cbrt(6 * phantom.mask.sum() * np.prod(SPACING) / np.pi)
        assert 6 < diameter < 38
        assert phantom.mask.sum((0, 1)).max() >= 9
        assert not (phantom.mask & ~phantom.liver).any()
        core = inner(phantom.mask)
        if core.sum() < 20:
            continue
        measured += 1
        assert low < phantom.image[core].mean() < high
        side = 1 if kind is LiverLesionKind.HYPERVASCULAR else -1
        assert side * (phantom.image[core].mean() - nominal(4, subject).liver) > 15
    assert measured >= 2


def test_the_affine_is_axial_with_the_spacing_of_the_grid(normal: LiverPhantom) -> None:
    rows, columns, slices = normal.affine[:3, :3].T
    np.testing.assert_allclose(rows, (0, -SPACING[0], 0))
    np.testing.assert_allclose(columns, (-SPACING[1], 0, 0))
    np.testing.assert_allclose(slices, (0, 0, SPACING[2]))


def test_the_spine_is_behind_and_the_lungs_are_above(normal: LiverPhantom) -> None:
    rows = np.nonzero(normal.image > 350)[0]
    assert np.median(rows) > 0.55 * SHAPE[0]
    lung = (normal.image > -920) & (normal.image < -800)
    assert lung[..., -3:].sum() > 20 * lung[..., :3].sum()
