"""Lesions that grow inside a liver, with the mask of what they changed."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from monai_sar.phantoms.liver_ct.attenuation import Attenuation
from monai_sar.phantoms.liver_ct.canvas import Canvas
from monai_sar.phantoms.shapes import coverage
from monai_sar.phantoms.smooth_field import texture

__all__ = ["LiverLesionKind", "insert_lesion"]

Array = NDArray[np.float32]

REACH = 1.7  # a lesion ends this many radii from its centre


class LiverLesionKind(StrEnum):
    """What grows: a dark metastasis with a blurred rim, a sharp cyst of fluid, or a bright hypervascular lesion."""

    METASTASIS = "metastasis"
    CYST = "cyst"
    HYPERVASCULAR = "hypervascular"


# nominal; bulges and the surface of the liver make some smaller
_DIAMETER_MM = {
    LiverLesionKind.METASTASIS: (10.0, 35.0),
    LiverLesionKind.CYST: (8.0, 32.0),
    LiverLesionKind.HYPERVASCULAR: (8.0, 24.0),
}


def insert_lesion(
    rng: np.random.Generator,
    kind: LiverLesionKind,
    canvas: Canvas,
    *,
    attenuation: Attenuation,
    spacing: Sequence[float],
) -> NDArray[np.bool_]:
    """Grow one lesion in a painted liver.

    Args:
        rng: source of randomness.
        kind: what grows.
        canvas: the abdomen; its attenuation is changed in place.
        attenuation: of the tissues of the subject.
        spacing: size of a voxel in mm: rows, columns, slices.

    Returns:
        Mask [rows, columns, slices]: where the lesion makes up more than half of a voxel of the liver.
    """
    radius = rng.uniform(*_DIAMETER_MM[kind]) / 2
    candidates = np.argwhere(canvas.liver_depth > min(0.8 * radius + 2, 0.8 * canvas.liver_depth.max()))
    centre = candidates[rng.integers(len(candidates))]
    reach = [int(np.ceil(REACH * radius / mm)) for mm in spacing]
    box = tuple(slice(max(c - r, 0), c + r + 1) for c, r in zip(centre, reach, strict=True))
    axes = [(np.arange(n)[part] - c) * mm for n, part, c, mm in zip(canvas.hu.shape, box, centre, spacing, strict=True)]
    offset = np.stack(np.meshgrid(*axes, indexing="ij")).astype(np.float32)
    depth = _irregular_depth(rng, offset, radius, spacing, roughness=0.15 if kind is LiverLesionKind.CYST else 0.5)
    rim_mm, signal = _appearance(rng, kind, depth, attenuation, spacing)
    liver_depth = canvas.liver_depth[box]
    share = coverage(depth, rim_mm) * coverage(liver_depth - 1)
    canvas.hu[box] += share * (signal - canvas.hu[box])
    mask = np.zeros(canvas.hu.shape, np.bool_)
    mask[box] = (share > 0.5) & (liver_depth > 0)
    return mask


def _irregular_depth(
    rng: np.random.Generator, offset: Array, radius: float, spacing: Sequence[float], *, roughness: float
) -> Array:
    """Depth in mm below a turned ellipsoid with bulges and dents, at offsets [3, ...] in mm from its centre."""
    axes = np.exp(rng.normal(0, 0.12, 3))
    axes *= radius / axes.prod() ** (1 / 3)
    turn = Rotation.from_quat(rng.standard_normal(4)).as_matrix() / axes[:, None]
    rho = np.sqrt((np.tensordot(turn, offset, axes=1) ** 2).sum(0))
    bumps = roughness * texture(rng, rho.shape, spacing, 0.8 * radius)
    # no islands far away, and nothing where the box of the caller ends
    distance = np.sqrt((offset**2).sum(0)) / radius
    return np.asarray(radius * np.minimum(1 - rho + bumps, 3 * (REACH - 0.3 - distance)), np.float32)


def _appearance(
    rng: np.random.Generator,
    kind: LiverLesionKind,
    depth: Array,
    attenuation: Attenuation,
    spacing: Sequence[float],
) -> tuple[float, Array]:
    """Width of the rim in mm, and Hounsfield units [...] of the lesion."""
    grain = texture(rng, depth.shape, spacing, 6)
    if kind is LiverLesionKind.METASTASIS:  # darker than its liver, even than a fatty one; the core is necrotic
        hu = min(rng.uniform(40, 70), attenuation.liver - rng.uniform(20, 30))
        core = coverage(depth - 0.5 * depth.max(), 6) * rng.uniform(0, 15)
        return rng.uniform(4, 7), np.asarray(hu - core + 14 * grain, np.float32)
    if kind is LiverLesionKind.CYST:
        return 1.0, np.full(depth.shape, rng.uniform(0, 12), np.float32)
    hu = max(rng.uniform(140, 175), attenuation.liver + 35)
    return 2.0, np.asarray(hu + 25 * grain, np.float32)
