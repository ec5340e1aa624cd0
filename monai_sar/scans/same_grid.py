"""How far the voxels of two grids are apart."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

__all__ = ["SAME_GRID", "farthest_apart"]

SAME_GRID = 0.1
"""Two grids are one if no voxel is farther from its counterpart than this share of the shortest side of a voxel."""


def farthest_apart(affine: NDArray[np.float64], other: NDArray[np.float64], shape: Sequence[int]) -> float:
    """The largest distance in mm between voxels of the same indices.

    Args:
        affine: ``[4, 4]``, array indices to millimetres.
        other: likewise.
        shape: of both arrays, three axes.
    """
    # the map from index to place is affine, so two of them differ most at a corner
    corners = np.array([[*corner, 1] for corner in product(*([0, size - 1] for size in shape))])
    return float(np.linalg.norm(corners @ (affine - other)[:3].T, axis=1).max())
