"""NIfTI files that lie exactly on the scan they belong to."""
# nibabel types only part of itself
# mypy: allow-untyped-calls

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
import torch
from monai.data.meta_tensor import MetaTensor

from monai_sar._atomic import atomic_path
from monai_sar.scans.file_format import file_format
from monai_sar.scans.nifti import read_nifti_header

__all__ = ["write_nifti"]

SCANNER = 1
# the header fields that say where voxels lie; every other field may hold text about the patient
GEOMETRY_FIELDS = (
    "pixdim", "xyzt_units", "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d",
    "qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z",
)  # fmt: skip


def write_nifti(
    path: str | os.PathLike[str],
    array: torch.Tensor | npt.NDArray[np.generic],
    *,
    reference: str | os.PathLike[str] | None = None,
    affine: npt.NDArray[np.floating] | None = None,
) -> None:
    """Write an anomaly map (float32) or a mask (uint8, 0 and 1) as NIfTI.

    With a reference, the geometry fields of its header are copied bit by bit (qform, sform, both codes,
    units), so every reader places both files alike, whichever of the two forms it prefers. Nothing else of
    its header is copied: descriptions and extensions may name the patient.

    Args:
        path: ends in `.nii` or `.nii.gz`; replaced if it exists.
        array: `[1, X, Y, Z]` in the voxel order of the scan; floating point for a map, bool or uint8 for a
            mask.
        reference: the NIfTI file that the scan was read from.
        affine: where there is no such file: voxel index to mm, `[4, 4]`, in RAS+ world coordinates, written
            with both codes "scanner anatomical" (1). By default the affine of a `MetaTensor`. Where it has
            shear (CT with gantry tilt), only the sform can hold it, and ITK refuses the file.

    Raises:
        ValueError: the shape or the affine does not agree with the reference, no affine is known or two are
            given, or the suffix is another one.
        TypeError: an array of another type.
    """
    path = Path(path)
    if not path.name.endswith((".nii", ".nii.gz")):
        raise ValueError(f"{path} does not end in .nii or .nii.gz.")
    if array.ndim != 4 or array.shape[0] != 1:
        raise ValueError(f"The array has shape {tuple(array.shape)}. Expected [1, X, Y, Z].")
    voxels = _voxels(array)
    own_affine = array.affine.cpu().numpy() if isinstance(array, MetaTensor) else None
    if reference is not None:
        if affine is not None:
            raise ValueError("Give a reference or an affine, not both: the reference has an affine of its own.")
        image = _like(voxels, Path(reference), own_affine)
    else:
        affine = own_affine if affine is None else affine
        if affine is None:
            raise ValueError("Give a reference or an affine: a plain array does not say where its voxels lie.")
        image = _at(voxels, affine)
    with atomic_path(path) as temporary:
        nib.save(image, temporary)


def _voxels(array: torch.Tensor | npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    values = array.numpy(force=True) if isinstance(array, torch.Tensor) else array
    if np.issubdtype(values.dtype, np.floating):
        return np.squeeze(values, axis=0).astype(np.float32, copy=False)
    if values.dtype in (np.bool_, np.uint8):
        return np.squeeze(values, axis=0).view(np.uint8)
    raise TypeError(f"The array holds {values.dtype}. Expected floats for a map, bool or uint8 for a mask.")


def _like(
    voxels: npt.NDArray[np.generic], reference: Path, own_affine: npt.NDArray[np.floating] | None
) -> nib.Nifti1Image:
    source = read_nifti_header(reference) if file_format(reference) == "nifti" else None
    if not isinstance(source, nib.nifti1.Nifti1Header):
        raise ValueError(f"{reference} is not NIfTI. Give the array's affine instead.")
    shape, affine = source.get_data_shape(), source.get_best_affine()
    if shape[:3] != voxels.shape:
        raise ValueError(f"The array has {voxels.shape} voxels, {reference} has {shape[:3]}.")
    tolerance = 1e-3 * min(source.get_zooms()[:3])
    if own_affine is not None and not np.allclose(own_affine, affine, rtol=0, atol=tolerance):
        raise ValueError(
            f"The array's affine is not that of {reference}:\n{own_affine}\n{affine}\n"
            "Undo reorientation and resampling first (monai.transforms.Invertd)."
        )
    # NIfTI-2 stays NIfTI-2: its volumes may be too large for the older header
    kind = nib.Nifti2Image if isinstance(source, nib.nifti2.Nifti2Header) else nib.Nifti1Image
    image = kind(voxels, None)
    for field in GEOMETRY_FIELDS:
        image.header[field] = source[field]
    # pixdim beyond the third axis belongs to axes that a map does not have
    image.header["pixdim"][4:] = 1
    return image


def _at(voxels: npt.NDArray[np.generic], affine: npt.NDArray[np.floating]) -> nib.Nifti1Image:
    image = nib.Nifti1Image(voxels, affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, SCANNER)
    image.set_qform(affine, SCANNER)
    # a qform cannot hold shear (gantry tilt): then only the sform is true
    if not np.allclose(image.get_qform(), affine, rtol=0, atol=1e-3 * np.abs(affine[:3, :3]).max()):
        image.set_qform(affine, 0)
    return image
