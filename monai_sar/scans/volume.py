"""A volume with a geometry of its own, as every format of volumes gives it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monai_sar.scans.scan import ScanError

__all__ = ["Volume", "choose_volume", "slice_axis"]

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
        number: which one of several volumes in the file it is, counted from 0; None: the file holds one.
    """

    voxels: NDArray[np.float32] | NDArray[np.integer]
    affine: NDArray[np.float64]
    slice_axis: int
    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()
    number: int | None = None


def choose_volume(
    shape: Sequence[int], path: Path, wanted: int | None = None
) -> tuple[tuple[int, int, int], int | None]:
    """Choose one volume of a file whose fourth axis may be time, echo or diffusion.

    Args:
        shape: of the whole array; axes of length 1 may follow.
        path: of the file, for messages.
        wanted: which of several volumes, counted from 0 as in nibabel, FSL and AFNI. Of a file with one it is 0.

    Returns:
        The three axes of the volume, and its number where there are several.

    Raises:
        ScanError: there are several and none is wanted, there is none of that number, or there are five axes.
    """
    if len(shape) < 2 or any(size != 1 for size in shape[4:]):
        raise ScanError(
            f"{path}: has shape {' x '.join(map(str, shape))}, expected one 3D volume, or several along a fourth axis; "
            "write the wanted volume to its own file."
        )
    x, y, z, count = (int(size) for size in (*shape[:4], 1, 1)[:4])
    if count > 1 and wanted is None:
        raise ScanError(
            f"{path}: has shape {' x '.join(map(str, shape))}, which is {count} volumes (times, echoes or directions "
            f"of diffusion), expected one; of a scan, say which: --volume N, from 0 to {count - 1}. Or write it to its "
            "own file, e.g. with nibabel.save(image.slicer[..., 0], 'one.nii.gz')."
        )
    if wanted is not None and not 0 <= wanted < count:
        raise ScanError(
            f"{path}: has no volume {wanted}; it holds {count}, and they are counted from 0. Give 0"
            f"{f' to {count - 1}' if count > 1 else ', or none'}."
        )
    return (x, y, z), wanted if count > 1 else None


def slice_axis(affine: NDArray[np.float64]) -> int:
    """The axis of the largest spacing; the last one where none is clearly larger."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    second, largest = np.sort(spacing)[1:]
    return int(np.argmax(spacing)) if largest >= _CLEARLY_LARGER * second else 2
