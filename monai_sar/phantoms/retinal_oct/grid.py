"""Where the voxels of a macular volume lie."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["SHAPE", "OctGrid"]

Array = NDArray[np.float32]

SHAPE = (192, 384, 13)  # rows to posterior, columns, B-scans to superior


class OctGrid(NamedTuple):
    """The voxels of ``SHAPE``: B-scans are much farther apart than columns, and columns than rows.

    Attributes:
        spacing: between rows, columns and B-scans in mm.
    """

    spacing: tuple[float, float, float]

    @property
    def depth(self) -> Array:
        """Depth of the rows below the top of the scan in mm, ``[H, 1, 1]``."""
        return (np.arange(SHAPE[0], dtype=np.float32) * self.spacing[0])[:, None, None]

    @property
    def en_face(self) -> tuple[Array, Array]:
        """Columns and B-scans in mm from the middle of the scan, ``[W, 1]`` and ``[1, D]``."""
        x, z = (
            (np.arange(n, dtype=np.float32) - (n - 1) / 2) * np.float32(mm)
            for n, mm in zip(SHAPE[1:], self.spacing[1:], strict=True)
        )
        return x[:, None], z[None]

    def cells(self, size_mm: tuple[float, float, float]) -> tuple[int, int, int]:
        """How many cells of a size, in rows, columns and B-scans, fill the scan."""
        rows, columns, slices = (round(n * mm / size) for n, mm, size in zip(SHAPE, self.spacing, size_mm, strict=True))
        return max(rows, 1), max(columns, 1), max(slices, 1)
