"""Fluid in round spaces within a layer of the retina."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monai_sar.phantoms.retinal_oct.grid import OctGrid
from monai_sar.phantoms.shapes import coverage

__all__ = ["Cyst", "cyst_share"]

Array = NDArray[np.float32]


class Cyst(NamedTuple):
    """An ellipsoid that bends with its layer and stays within it.

    Attributes:
        layer: which one.
        centre: in mm along columns and B-scans.
        radii: likewise.
        height: its largest, relative to the thickness of the layer there.
        reflectivity: of the fluid.
    """

    layer: str
    centre: tuple[float, float]
    radii: tuple[float, float]
    height: float
    reflectivity: float


def cyst_share(cyst: Cyst, grid: OctGrid, top: Array, thickness: Array) -> tuple[slice, Array]:
    """Give the columns that a cyst can touch, and the share of each voxel that it fills, ``[H, columns, D]``.

    Args:
        cyst: the cyst.
        grid: where the voxels lie.
        top: depth of the anterior surface of its layer in mm, ``[W, D]``.
        thickness: of the layer in mm, ``[W, D]``.
    """
    x, z = grid.en_face
    near = np.flatnonzero(np.abs(x[:, 0] - cyst.centre[0]) < cyst.radii[0])
    columns = slice(int(near.min()), int(near.max()) + 1) if near.size else slice(0, 0)
    squared = ((x[columns] - cyst.centre[0]) / cyst.radii[0]) ** 2 + ((z - cyst.centre[1]) / cyst.radii[1]) ** 2
    half_height = 0.5 * cyst.height * thickness[columns] * np.sqrt(np.maximum(1 - squared, 0))
    middle = top[columns] + 0.5 * thickness[columns]
    row_mm = grid.spacing[0]
    share = coverage(half_height - np.abs(grid.depth - middle), row_mm) * coverage(half_height - row_mm, row_mm)
    return columns, share
