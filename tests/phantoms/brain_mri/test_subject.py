"""One subject: reproducible, plausible in contrast and direction, with a lesion only where its mask says so."""

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from monai_sar.phantoms import BrainPhantom, LesionKind, make_brain_phantom
from monai_sar.phantoms.brain_mri.head import HeadAnatomy
from monai_sar.phantoms.brain_mri.subject import CENTRAL_SLICES, SHAPE, SPACING


@pytest.fixture(scope="module")
def normal() -> BrainPhantom:
    return make_brain_phantom(0, 5)


@pytest.fixture(scope="module", params=list(LesionKind))
def abnormal(request: pytest.FixtureRequest) -> BrainPhantom:
    return make_brain_phantom(0, 5, request.param)


def test_the_same_numbers_give_the_same_subject(normal: BrainPhantom, abnormal: BrainPhantom) -> None:
    np.testing.assert_array_equal(make_brain_phantom(0, 5).image, normal.image)
    np.testing.assert_array_equal(abnormal.affine, normal.affine)


@pytest.mark.parametrize(("seed", "subject"), [(0, 6), (1, 5), (5, 0)])
def test_other_numbers_give_another_subject(seed: int, subject: int, normal: BrainPhantom) -> None:
    other = make_brain_phantom(seed, subject)
    scaled = [phantom.image / phantom.image.mean() for phantom in (normal, other)]
    assert np.corrcoef(scaled[0].ravel(), scaled[1].ravel())[0, 1] < 0.95
    assert not np.allclose(other.affine, normal.affine)


def test_a_scan_is_a_positive_signal_with_air_around_the_head(normal: BrainPhantom) -> None:
    assert normal.image.shape == SHAPE
    assert normal.image.dtype == np.float32
    assert np.isfinite(normal.image).all()
    assert normal.image.min() >= 0
    assert not normal.mask.any()
    brain = np.median(normal.image[60:130, 50:110, CENTRAL_SLICES])
    corners = normal.image[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert 100 < brain < 2000
    assert corners.max() < 0.3 * brain


def test_scanners_differ_in_scale() -> None:
    brightness = [np.median(make_brain_phantom(0, subject).image[60:130, 50:110, 8:21]) for subject in range(5)]
    assert max(brightness) > 1.5 * min(brightness)


def test_a_lesion_changes_the_scan_inside_its_mask_and_nowhere_far_from_it(
    normal: BrainPhantom, abnormal: BrainPhantom
) -> None:
    change = np.abs(abnormal.image - normal.image)
    distance = distance_transform_edt(~abnormal.mask, sampling=SPACING)
    extent = 2 * np.cbrt(3 * abnormal.mask.sum() * np.prod(SPACING) / (4 * np.pi))
    brain = np.median(normal.image[60:130, 50:110, CENTRAL_SLICES])

    assert abnormal.mask.any()
    assert change[distance > 20 + extent].max() == 0
    inside = change[abnormal.mask]
    assert np.median(inside) > 0.15 * brain
    # most of what changed lies in the mask or on its border; the rest is tissue that was pushed aside
    strong = change > 0.5 * np.median(inside)
    assert (distance[strong] <= 6).mean() > 0.6


def test_lesions_lie_in_one_hemisphere_within_the_range_of_sizes() -> None:
    for subject in range(12):
        kind = list(LesionKind)[subject % 3]
        mask = make_brain_phantom(2, subject, kind).mask
        diameter = np.cbrt(6 * mask.sum() * np.prod(SPACING) / np.pi)
        assert 5 < diameter < 52
        columns = np.flatnonzero(mask.any((0, 2)))
        assert np.ptp(columns) < 70
        assert mask[:, :, CENTRAL_SLICES].any()


def test_a_cavity_is_dark_and_oedema_is_brighter_than_its_place_was() -> None:
    for subject in range(3):
        normal = make_brain_phantom(4, subject)
        for kind, sign in ((LesionKind.OEDEMA, 1), (LesionKind.CAVITY, -1)):
            abnormal = make_brain_phantom(4, subject, kind)
            change = (abnormal.image - normal.image)[abnormal.mask]
            assert sign * np.median(change) > 0


def test_the_affine_is_oblique_with_the_spacing_of_the_grid(normal: BrainPhantom) -> None:
    axes = normal.affine[:3, :3]
    np.testing.assert_allclose(np.linalg.norm(axes, axis=0), SPACING)
    directions = axes / np.array(SPACING)
    np.testing.assert_allclose(directions.T @ directions, np.eye(3), atol=1e-12)
    # rows to posterior, columns to left, slices to superior; each a little off
    closeness = np.array([-directions[1, 0], -directions[0, 1], directions[2, 2]])
    assert (closeness > np.cos(np.radians(20))).all()
    assert (closeness < np.cos(np.radians(1))).all()
    assert np.abs(normal.affine[:3, 3]).min() > 1


def test_rows_run_to_posterior_and_slices_to_superior() -> None:
    # low in the head the face lies in front and the cerebellum behind; the crown is small
    grid = np.meshgrid(np.arange(-80, 80, 2), np.arange(-95, 95, 2), (-35, 20, 60), indexing="xy")
    tissue = HeadAnatomy.draw(np.random.default_rng(0)).render(np.stack(grid).astype(np.float32))
    front, behind = tissue.parenchyma[:30, :, 0].sum(), tissue.parenchyma[-30:, :, 0].sum()
    assert behind > 5 * front
    assert tissue.parenchyma[..., 2].sum() < 0.5 * tissue.parenchyma[..., 1].sum()


def test_flair_contrast_puts_fluid_below_white_below_grey_below_fat() -> None:
    grid = np.meshgrid(np.arange(-90, 90, 2), np.arange(-110, 110, 2), (20,), indexing="xy")
    tissue = HeadAnatomy.draw(np.random.default_rng(1)).render(np.stack(grid).astype(np.float32))
    white = np.median(tissue.signal[tissue.white > 0.95])
    grey = np.median(tissue.signal[(tissue.parenchyma > 0.95) & (tissue.white < 0.05)])
    ventricle = tissue.signal[67, 53, 0]  # x = 16, y = 24: the body of the left ventricle
    assert 0.02 < ventricle < 0.4
    assert white == pytest.approx(1)
    assert 1.2 < grey < 1.4
    assert tissue.signal.max() > 1.2 * grey
    assert tissue.signal[0].max() < 0.05
