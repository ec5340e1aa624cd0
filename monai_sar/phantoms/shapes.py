"""Shapes as signed depth in millimetres: positive inside, zero on the surface, negative outside."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["coverage", "distance_to_box", "ellipsoid", "tube"]

Array = NDArray[np.float32]


def coverage(depth: Array, width: float = 1.2) -> Array:
    """Share of a point covered by a shape: 0 outside, 1 inside, a ramp ``width`` mm wide across the surface."""
    return np.asarray(np.clip(depth / width + 0.5, 0, 1), np.float32)


def ellipsoid(points: Array, centre: Sequence[float], semi_axes: Sequence[float]) -> Array:
    """Depth below an ellipsoid, measured in its shortest half axis (exact on a sphere).

    Args:
        points: coordinates [3, N] in mm.
        centre: three coordinates in mm.
        semi_axes: three half lengths in mm.

    Returns:
        Depth [N] in mm.
    """
    squared = sum(((points[i] - centre[i]) / semi_axes[i]) ** 2 for i in range(3))
    return np.asarray((1 - np.sqrt(squared)) * min(semi_axes), np.float32)


def distance_to_box(points: Array, centre: Sequence[float], half_sides: Sequence[float]) -> Array:
    """Distance [N] in mm of points [3, N] to a box, 0 inside. A half side of 0 makes a sheet or a line."""
    beyond = (np.maximum(np.abs(points[i] - centre[i]) - half_sides[i], 0) for i in range(3))
    return np.asarray(np.sqrt(sum(b**2 for b in beyond)), np.float32)


def tube(points: Array, path: Sequence[Sequence[float]]) -> Array:
    """Depth below a tube along a polyline.

    Args:
        points: coordinates [3, N] in mm.
        path: corners ``(x, y, z, radius)`` in mm; the radius runs linearly between two corners.

    Returns:
        Depth [N] in mm.
    """
    best = np.full(points.shape[1:], -np.inf, np.float32)
    corners = np.asarray(path, np.float32)
    for start, end in pairwise(corners):
        along = end[:3] - start[:3]
        from_start = points - start[:3, None]
        position = np.clip(np.tensordot(along / (along @ along), from_start, axes=1), 0, 1)
        distance = np.sqrt(((from_start - position * along[:, None]) ** 2).sum(0))
        np.maximum(best, start[3] + position * (end[3] - start[3]) - distance, out=best)
    return best
