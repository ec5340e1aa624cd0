"""A phantom as scanners export it: DICOM with its geometry, or bare TIFF images; and its lesion mask as NIfTI."""
# nibabel types only part of itself
# mypy: allow-untyped-calls

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from monai_sar._atomic import atomic_path
from monai_sar.phantoms.retinal_oct.opt_dicom import opt_dataset
from monai_sar.phantoms.retinal_oct.subject import RetinaPhantom, has_positions
from monai_sar.scans.image_stack import slice_affine

__all__ = ["slice_pixels", "write_oct_volume"]

SWAP_ROWS_AND_COLUMNS = np.eye(4)[[1, 0, 2, 3]]


def slice_pixels(phantom: RetinaPhantom) -> NDArray[np.uint8]:
    """Give a phantom as all exports hold it: 8-bit grey values ``[H, W, D]``, 255 in the margins."""
    pixels: NDArray[np.uint8] = np.round(phantom.image).astype(np.uint8)
    return pixels


def write_oct_volume(phantom: RetinaPhantom, root: Path, subject: int) -> None:
    """Write ``phantom_SSSS_oct.dcm`` or, for an odd number, B-scans ``phantom_SSSS_oct/bscan_KK.tif``.

    Beside it lies ``phantom_SSSS_lesion.nii.gz`` (uint8, 0 or 1; columns, rows, B-scans) on the grid on which
    :func:`monai_sar.scans.read_scan` reads the scan. For TIFF, that takes ``spacing`` in the order columns,
    rows, B-scans: 0.0156, 0.008, 0.24.
    """
    name, pixels = f"phantom_{subject:04d}", slice_pixels(phantom)
    if has_positions(subject):
        affine = phantom.affine @ SWAP_ROWS_AND_COLUMNS
        dataset = opt_dataset(pixels, phantom.affine, laterality=phantom.laterality, identifier=name)
        with atomic_path(root / f"{name}_oct.dcm") as temporary:
            dataset.save_as(temporary, enforce_file_format=True)
    else:
        rows, columns, slices = phantom.spacing
        affine = slice_affine((columns, rows, slices))
        for k in range(pixels.shape[2]):
            with atomic_path(root / f"{name}_oct" / f"bscan_{k:02d}.tif") as temporary:
                Image.fromarray(pixels[:, :, k]).save(temporary)
    _write_mask(root / f"{name}_lesion.nii.gz", phantom.mask, affine)


def _write_mask(path: Path, mask: NDArray[np.bool_], affine: NDArray[np.float64]) -> None:
    image = nib.nifti1.Nifti1Image(mask.transpose(1, 0, 2).astype(np.uint8), affine)
    image.header.set_xyzt_units("mm")
    with atomic_path(path) as temporary:
        # nibabel would store the time
        temporary.write_bytes(gzip.compress(image.to_bytes(), mtime=0))
