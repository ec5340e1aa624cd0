"""Lesions that grow inside a head, with the mask of what they changed."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from monai_sar.phantoms.brain_mri.head import HeadAnatomy
from monai_sar.phantoms.brain_mri.tissue import Tissue
from monai_sar.phantoms.shapes import coverage
from monai_sar.phantoms.smooth_field import texture

__all__ = ["LesionKind", "insert_lesion"]

Array = NDArray[np.float32]

REACH = 1.8  # the mass effect ends this many lesion radii from the centre


class LesionKind(StrEnum):
    """What grows: bright swollen white matter, a ring with a dark core, or a dark hole."""

    OEDEMA = "oedema"
    TUMOUR = "tumour"
    CAVITY = "cavity"


class _Habit(NamedTuple):
    diameter_mm: tuple[float, float]
    push: float  # how far tissue at the centre is moved outwards, relative to its distance from the centre


# nominal diameters; bulges, dents and ventricles leave about 7 to 47 mm (diameter of a sphere of the same volume)
_HABITS = {
    LesionKind.OEDEMA: _Habit((18, 50), 0.12),
    LesionKind.TUMOUR: _Habit((17, 44), 0.25),
    LesionKind.CAVITY: _Habit((7, 38), -0.05),
}


def insert_lesion(
    rng: np.random.Generator,
    kind: LesionKind,
    tissue: Tissue,
    *,
    head: HeadAnatomy,
    points: Array,
    spacing: Sequence[float],
    slices: slice,
) -> NDArray[np.bool_]:
    """Grow one lesion in the white matter of a rendered head.

    Args:
        rng: source of randomness.
        kind: what grows.
        tissue: what ``head.render(points)`` gave; its signal is changed in place.
        head: the subject.
        points: where the voxels lie in the subject, [3, rows, columns, slices] in mm.
        spacing: size of a voxel in mm: rows, columns, slices.
        slices: where the centre may lie.

    Returns:
        Mask [rows, columns, slices]: where the lesion makes up more than half of a voxel.
    """
    radius = rng.uniform(*_HABITS[kind].diameter_mm) / 2
    centre = _draw_centre(rng, points, tissue, radius, slices)
    reach = [int(np.ceil(REACH * radius / mm)) for mm in spacing]
    box = tuple(slice(max(c - r, 0), c + r + 1) for c, r in zip(centre, reach, strict=True))
    axes = [
        (np.arange(n)[part] - c) * mm for n, part, c, mm in zip(tissue.signal.shape, box, centre, spacing, strict=True)
    ]
    y, x, z = np.meshgrid(*axes, indexing="ij")
    offset = np.stack([x, y, z]).astype(np.float32)

    nearness = np.maximum(1 - (offset**2).sum(0) / (REACH * radius) ** 2, 0)
    pushed = points[(slice(None), *box)] - _HABITS[kind].push * nearness**2 * offset
    around = head.render(np.asarray(pushed, np.float32))
    depth = irregular_depth(rng, offset, radius, spacing)
    share, signal = _appearance(rng, kind, depth, around, spacing)
    # a lesion presses sulci shut but neither fills a ventricle nor crosses the midline
    share = share * np.clip(4 * gaussian_filter(around.parenchyma, (2, 2, 0)) - 2, 0, 1)
    share = share * coverage(np.sign(points[(0, *centre)]) * pushed[0] - 1)
    around.paint(share, signal)
    tissue.signal[box] = around.signal
    mask = np.zeros(tissue.signal.shape, np.bool_)
    mask[box] = share > 0.5
    return mask


def _draw_centre(
    rng: np.random.Generator, points: Array, tissue: Tissue, radius: float, slices: slice
) -> tuple[int, ...]:
    """A voxel deep in the white matter, and not on the midline."""
    white = gaussian_filter(tissue.white[..., slices], (3, 3, 0)) > 0.85
    candidates = np.argwhere(white & (np.abs(points[0][..., slices]) > 0.5 * radius))
    row, column, k = candidates[rng.integers(len(candidates))]
    return int(row), int(column), int(k) + slices.start


def irregular_depth(rng: np.random.Generator, offset: Array, radius: float, spacing: Sequence[float]) -> Array:
    """Depth in mm below a turned ellipsoid with bulges and dents, at offsets [3, ...] in mm from its centre."""
    axes = np.exp(rng.normal(0, 0.25, 3))
    axes *= radius / axes.prod() ** (1 / 3)
    turn = Rotation.from_quat(rng.standard_normal(4)).as_matrix() / axes[:, None]
    rho = np.sqrt((np.tensordot(turn, offset, axes=1) ** 2).sum(0))
    relative = 1 - rho
    for wavelength, height in ((0.9, 0.55), (0.4, 0.35)):
        relative += height * texture(rng, rho.shape, spacing, wavelength * radius)
    # no islands far away, and nothing where the box of the caller ends
    distance = np.sqrt((offset**2).sum(0)) / radius
    limit = np.minimum(1.6 - 1.1 * rho, 2 * (REACH - 0.3 - distance))
    return np.asarray(radius * np.minimum(relative, limit), np.float32)


def _appearance(
    rng: np.random.Generator, kind: LesionKind, depth: Array, around: Tissue, spacing: Sequence[float]
) -> tuple[Array, Array]:
    """Share of the lesion in each voxel, and its signal (white matter = 1)."""
    grain = 1 + 0.25 * texture(rng, depth.shape, spacing, 7)
    if kind is LesionKind.OEDEMA:  # follows the white matter and spares the cortex
        return coverage(depth, rng.uniform(3, 6)) * (0.25 + 0.75 * around.white), rng.uniform(1.32, 1.65) * grain
    if kind is LesionKind.TUMOUR:
        halo, ring, core = rng.uniform((1.25, 1.5, 0.4), (1.4, 1.8, 0.9))
        ring_depth = depth - rng.uniform(0.1, 0.3) * depth.max()
        signal = halo + (ring - halo) * coverage(ring_depth)
        signal += (core - signal) * coverage(ring_depth - rng.uniform(2, 4), 2)
        return coverage(depth, 2.5), signal * grain
    rim, fluid = rng.uniform((1.25, 0.15), (1.45, 0.6))
    return coverage(depth, 2), rim + (fluid - rim) * coverage(depth - 1.5, 2)
