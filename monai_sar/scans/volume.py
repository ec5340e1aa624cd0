"""A volume with a geometry of its own, as every format of volumes gives it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monai_sar.scans.scan import ScanError

__all__ = ["Volume", "slice_axis", "volume_shape"]

_CLEARLY_LARGER = 1.1
"""An axis is taken as the slice axis if its spacing is at least this many times the next largest."""


@dataclass(frozen=True, eq=False)
class Volume:
    """What a file of a volume holds.

    Attributes:
        voxels: ``[X, Y, Z]``, scaled as the header says: float32, or integers as they are stored.
        affine: ``[4, 4]``, float64, array indices to RAS millimetres.
        slice_axis: along which slices were acquired.
        files: that were read.
        notes: what a reader should know.
    """

    voxels: NDArray[np.float32] | NDArray[np.integer]
    affine: NDArray[np.float64]
    slice_axis: int
    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def volume_shape(shape: Sequence[int], path: Path) -> tuple[int, int, int]:
    """The three axes of a volume, without further ones of length 1.

    Raises:
        ScanError: it is not 3D.
    """
    if len(shape) < 2 or any(size != 1 for size in shape[3:]):
        raise ScanError(
            f"{path}: has shape {' x '.join(map(str, shape))}, expected one 3D volume; if its fourth axis is "
            "time, echo or diffusion, write the wanted volume to its own file, e.g. with "
            "nibabel.save(image.slicer[..., 0], 'one.nii.gz')."
        )
    x, y, z = (*shape[:3], 1)[:3]
    return int(x), int(y), int(z)


def slice_axis(affine: NDArray[np.float64]) -> int:
    """The axis of the largest spacing; the last one where none is clearly larger."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    second, largest = np.sort(spacing)[1:]
    return int(np.argmax(spacing)) if largest >= _CLEARLY_LARGER * second else 2
