"""The grid of a scan on which an abdomen is painted, organ over organ, in Hounsfield units."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monai_sar.phantoms.shapes import coverage

__all__ = ["Canvas"]

Array = NDArray[np.float32]

ARRAY_AXES = (1, 0, 2)  # x runs along the columns, y along the rows, z along the slices


@dataclass(frozen=True)
class Canvas:
    """A box of voxels.

    Attributes:
        points: where the voxels lie in the template abdomen, ``[3, N]`` in mm: x to the left, y to posterior,
            z to superior.
        hu: what is painted so far, ``[rows, columns, slices]`` with N voxels.
        liver_depth: depth below the surface of the liver in mm, the same shape; negative outside.
        spans: for x, y and z the least and the greatest value in each layer of voxels along it, ``[2, layers]``.
    """

    points: Array
    hu: Array
    liver_depth: Array
    spans: tuple[Array, Array, Array]

    @classmethod
    def filled(cls, points: Array, hu: float) -> Self:
        """A canvas of one value and without a liver, at points ``[3, rows, columns, slices]`` in mm."""
        shape = points.shape[1:]
        x, y, z = (_span(c, axis) for c, axis in zip(points, ARRAY_AXES, strict=True))
        return cls(points.reshape(3, -1), np.full(shape, hu, np.float32), np.full(shape, -99, np.float32), (x, y, z))

    def within(self, low: ArrayLike, high: ArrayLike) -> Self:
        """The least box of voxels that holds all points between two corners (x, y, z) in mm; it may be empty.

        It shares the memory of this canvas: what is painted on it is painted here.
        """
        parts = [slice(0)] * 3
        for axis, (least, greatest), *limits in zip(
            ARRAY_AXES, self.spans, np.asarray(low), np.asarray(high), strict=True
        ):
            layers = np.flatnonzero((greatest >= limits[0]) & (least <= limits[1]))
            if len(layers):
                parts[axis] = slice(layers[0], layers[-1] + 1)
        box = tuple(parts)
        points = self.points.reshape(3, *self.hu.shape)[(slice(None), *box)].reshape(3, -1)
        x, y, z = (span[:, parts[axis]] for span, axis in zip(self.spans, ARRAY_AXES, strict=True))
        return type(self)(points, self.hu[box], self.liver_depth[box], (x, y, z))

    def paint(self, depth: Array, hu: Array | float, *, width: float = 2.5) -> None:
        """Paint a shape in place, given as signed depth [N] in mm; ``hu`` is one value, or [N]."""
        change = coverage(depth, width) * (hu - self.hu.ravel())
        self.hu[...] += change.reshape(self.hu.shape)


def _span(coordinate: Array, axis: int) -> Array:
    """Least and greatest value in each layer along an axis, ``[2, layers]``."""
    others = tuple(other for other in range(3) if other != axis)
    return np.stack([coordinate.min(others), coordinate.max(others)])
