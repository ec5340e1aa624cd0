"""Read a volume with a geometry of its own from whichever format it is in."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monai_sar.scans.content_hash import content_sha256
from monai_sar.scans.file_format import file_format
from monai_sar.scans.itk_volume import read_itk_volume
from monai_sar.scans.mgh import read_mgh
from monai_sar.scans.nifti import read_nifti
from monai_sar.scans.scan import Scan, ScanError, holds_two_values, voxels_to_image
from monai_sar.scans.volume import Volume

__all__ = ["read_volume", "read_volume_mask", "seems_mask"]

_READERS: Mapping[str | None, Callable[[Path, int | None], Volume]] = {
    "nifti": read_nifti,
    "mgh": read_mgh,
    "nrrd": partial(read_itk_volume, kind="nrrd"),
    "metaimage": partial(read_itk_volume, kind="metaimage"),
}


def read_volume(path: Path, number: int | None = None) -> Scan:
    """Read a file that :func:`monai_sar.scans.file_format.is_volume` knows as a scan.

    Args:
        path: of the file.
        number: of the volume, where the file holds several; counted from 0.

    Raises:
        ScanError: it cannot be read without guessing.
    """
    kind = file_format(path)
    volume = _READERS[kind](path, number)
    return Scan(
        image=voxels_to_image(volume.voxels, volume.affine, path),
        modality=None,
        slice_axis=volume.slice_axis,
        source=path,
        sha256=content_sha256(volume.files),
        kind="nifti" if kind == "nifti" else "volume",
        notes=volume.notes,
        volume=volume.number,
    )


def read_volume_mask(path: Path) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Read such a file as a mask: what is not 0 is inside. It may be empty.

    Returns:
        ``[X, Y, Z]``, and the affine to RAS millimetres.

    Raises:
        ScanError: it cannot be read, or holds NaN or negative values.
    """
    volume = _READERS[file_format(path)](path, None)
    if not np.isfinite(volume.voxels).all():
        raise ScanError(f"{path}: holds values that mark nothing (colour, NaN), expected 0 and other numbers.")
    if volume.voxels.size and volume.voxels.min() < 0:
        raise ScanError(
            f"{path}: holds values down to {volume.voxels.min():g}, as an image does, expected a mask of 0 and larger "
            "numbers; check that it is not the scan itself."
        )
    return volume.voxels != 0, volume.affine


def seems_mask(path: Path) -> bool:
    """Say whether a file holds a volume of two values or one, as a mask does; one that cannot be read does not."""
    try:
        voxels = _READERS[file_format(path)](path, None).voxels
    except ScanError:
        return False
    return voxels.size > 0 and voxels.shape[2] > 1 and holds_two_values(voxels)
