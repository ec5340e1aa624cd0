"""Read a NIfTI volume."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from monai_sar.scans.content_hash import content_sha256
from monai_sar.scans.scan import Scan, ScanError, reading, voxels_to_image

__all__ = ["is_nifti", "read_nifti", "read_nifti_mask"]

_MM_PER_UNIT = {1: 1000.0, 3: 0.001}
"""Spatial codes of ``xyzt_units`` that are not millimetres (NIfTI-1: 1 metre, 3 micrometre); 0 is unknown."""

_CLEARLY_LARGER = 1.1
"""An axis is taken as the slice axis if its spacing is at least this many times the next largest."""

_AFFINE_TOLERANCE_MM = 0.1
"""qform and sform that differ by less than this at every corner of the volume say the same."""


def is_nifti(path: Path) -> bool:
    """Return whether the file name ends in ``.nii`` or ``.nii.gz``."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def read_nifti(path: Path) -> Scan:
    """Read a 3D NIfTI file, scaled by its ``scl_slope`` and ``scl_inter``, with nibabel's affine.

    Raises:
        ScanError: if the file is damaged, not 3D, not of real numbers, or its affine is no map.
    """
    with reading(path, "NIfTI"):
        nifti: Any = nib.load(path)  # nibabel types its images in part
        header, shape = nifti.header, _volume_shape(nifti.shape, path)
        if nifti.get_data_dtype().kind not in "iuf":
            raise ScanError(
                f"{path}: its voxels are of type {nifti.get_data_dtype()} (colour, complex or other), "
                "expected one real number per voxel; convert it to a grey-scale volume."
            )
        voxels = nifti.get_fdata(dtype=np.float32, caching="unchanged").reshape(shape)
        affine = np.asarray(nifti.affine, dtype=np.float64)
        qform, sform = nifti.get_qform(coded=True)[0], nifti.get_sform(coded=True)[0]
        notes = _orientation_notes(qform, sform, shape)
    mm_per_unit = _MM_PER_UNIT.get(int(header["xyzt_units"]) & 7)
    if mm_per_unit is not None:
        affine[:3] *= mm_per_unit
        notes.append(f"lengths in the header are in units of {mm_per_unit:g} mm; converted to millimetres")
    return Scan(
        image=voxels_to_image(voxels, affine, path),
        modality=None,
        slice_axis=_slice_axis(header.get_dim_info()[2], affine),
        source=path,
        sha256=content_sha256([path]),
        kind="nifti",
        notes=tuple(notes),
    )


def read_nifti_mask(path: Path) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Read a 3D NIfTI file as a mask: what is not 0 is inside. It may be empty.

    Returns:
        ``[X, Y, Z]``, and the affine to RAS millimetres.

    Raises:
        ScanError: it is damaged, not 3D, not of real numbers, or holds NaN.
    """
    with reading(path, "NIfTI"):
        nifti: Any = nib.load(path)
        shape = _volume_shape(nifti.shape, path)
        stored = np.asarray(nifti.dataobj).reshape(shape)
        if stored.dtype.kind not in "iufb" or (stored.dtype.kind == "f" and not np.isfinite(stored).all()):
            raise ScanError(f"{path}: holds values that mark nothing (colour, NaN), expected 0 and other numbers.")
        affine = np.asarray(nifti.affine, dtype=np.float64)
        affine[:3] *= _MM_PER_UNIT.get(int(nifti.header["xyzt_units"]) & 7, 1.0)
    return stored != 0, affine


def _volume_shape(shape: tuple[int, ...], path: Path) -> tuple[int, int, int]:
    if len(shape) < 2 or any(size != 1 for size in shape[3:]):
        raise ScanError(
            f"{path}: has shape {' x '.join(map(str, shape))}, expected one 3D volume; if its fourth axis is "
            "time, echo or diffusion, write the wanted volume to its own file, e.g. with "
            "nibabel.save(image.slicer[..., 0], 'one.nii.gz')."
        )
    x, y, z = (*shape[:3], 1)[:3]
    return x, y, z


def _orientation_notes(
    qform: NDArray[np.float64] | None, sform: NDArray[np.float64] | None, shape: tuple[int, int, int]
) -> list[str]:
    if qform is None and sform is None:
        return [
            "the header gives no orientation (qform and sform codes are 0): sides of the patient are "
            "unknown, nibabel's default orientation was taken"
        ]
    if qform is not None and sform is not None:
        corners = np.array([[i, j, k, 1] for i in (0, shape[0]) for j in (0, shape[1]) for k in (0, shape[2])])
        apart = float(np.linalg.norm(corners @ (qform - sform).T, axis=1).max())
        if apart > _AFFINE_TOLERANCE_MM:
            return [f"qform and sform lie up to {apart:.3g} units apart; the sform was taken"]
    return []


def _slice_axis(dim_info_slice: int | None, affine: NDArray[np.float64]) -> int:
    if dim_info_slice is not None:
        return dim_info_slice
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    second, largest = np.sort(spacing)[1:]
    return int(np.argmax(spacing)) if largest >= _CLEARLY_LARGER * second else 2
