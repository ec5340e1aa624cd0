"""Lesions are irregular, bounded, and change a head only where they grow."""

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from monai_sar.phantoms.brain_mri.head import HeadAnatomy
from monai_sar.phantoms.brain_mri.lesion import REACH, LesionKind, insert_lesion, irregular_depth
from monai_sar.phantoms.brain_mri.tissue import Tissue

SPACING = (2.0, 2.0, 5.0)
SHAPE = (100, 84, 8)


@pytest.fixture(scope="module")
def head() -> HeadAnatomy:
    return HeadAnatomy.draw(np.random.default_rng(0))


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    axes = (np.arange(-99, 100, 2), np.arange(-83, 84, 2), np.arange(5, 45, 5))
    y, x, z = np.meshgrid(*axes, indexing="ij")
    return np.stack([x, y, z]).astype(np.float32)


def offsets(radius: float, spacing: float = 1.0) -> np.ndarray:
    reach = np.arange(-np.ceil(REACH * radius), np.ceil(REACH * radius) + 1, spacing)
    return np.stack(np.meshgrid(reach, reach, reach, indexing="xy")).astype(np.float32)


@pytest.mark.parametrize("radius", [4, 12])
def test_a_lesion_ends_before_the_box_around_it(radius: float) -> None:
    offset = offsets(radius)
    for seed in range(20):
        depth = irregular_depth(np.random.default_rng(seed), offset, radius, (1.0, 1.0, 1.0))
        beyond = np.sqrt((offset**2).sum(0)) > REACH * radius
        assert depth[beyond].max() < -0.5 * radius
        volume_radius = np.cbrt(3 * np.count_nonzero(depth > 0) / (4 * np.pi))
        assert 0.4 * radius < volume_radius < 1.4 * radius


def test_a_lesion_is_no_ellipsoid() -> None:
    radius = 12.0
    offset = offsets(radius)
    for seed in range(5):
        inside = irregular_depth(np.random.default_rng(seed), offset, radius, (1.0, 1.0, 1.0)) > 0
        where = np.argwhere(inside) - np.argwhere(inside).mean(0)
        # an ellipsoid of the same second moments; a true one would hold all of its points
        squared = (where @ np.linalg.inv(np.cov(where.T)) * where).sum(1) / 5
        assert 0.03 < (squared > 1).mean() < 0.4


@pytest.mark.parametrize("kind", list(LesionKind))
def test_only_the_neighbourhood_of_the_mask_is_repainted(
    kind: LesionKind, head: HeadAnatomy, points: np.ndarray
) -> None:
    before = head.render(points)
    after = Tissue(before.signal.copy(), before.white, before.parenchyma)
    mask = insert_lesion(
        np.random.default_rng(1), kind, after, head=head, points=points, spacing=SPACING, slices=slice(2, 6)
    )
    changed = np.abs(after.signal - before.signal) > 1e-6
    assert mask.any()
    assert changed[mask].mean() > 0.95
    assert mask[before.parenchyma > 0.5].sum() > 0.6 * mask.sum()
    rows, columns, _ = (np.flatnonzero(changed.any(axes)) for axes in ((1, 2), (0, 2), (0, 1)))
    assert np.ptp(rows) * 2 < 2 * REACH * 30
    assert np.ptp(columns) * 2 < 2 * REACH * 30
    # one hemisphere, away from the scalp
    side = points[0][mask]
    assert (side > -2).all() or (side < 2).all()


@pytest.mark.parametrize("seed", range(4))
def test_a_tumour_has_a_dark_core_in_a_bright_ring(head: HeadAnatomy, points: np.ndarray, seed: int) -> None:
    tissue = head.render(points)
    rng = np.random.default_rng(seed)
    mask = insert_lesion(rng, LesionKind.TUMOUR, tissue, head=head, points=points, spacing=SPACING, slices=slice(2, 6))
    depth = distance_transform_edt(mask, sampling=SPACING)
    core = mask & (tissue.signal < 1) & (depth >= np.quantile(depth[mask], 0.7))
    ring = mask & (tissue.signal > 1.4)
    assert core.any()
    assert ring.any()
    assert depth[ring].mean() < depth[core].mean()
