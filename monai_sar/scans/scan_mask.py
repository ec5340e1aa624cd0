"""Read the mask of a scan from whichever kind of file it is."""

from pathlib import Path

import numpy as np
from monai.data.meta_tensor import MetaTensor
from numpy.typing import NDArray

from monai_sar.scans.dicom_mask import read_dicom_mask
from monai_sar.scans.file_format import is_slice_image, is_volume
from monai_sar.scans.read_volume import read_volume_mask
from monai_sar.scans.scan import ScanError
from monai_sar.scans.stored_mask import read_stored_mask

__all__ = ["read_scan_mask"]


def read_scan_mask(path: Path, image: MetaTensor) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Read a mask: whatever is not 0 is inside. It may be empty.

    Args:
        path: NIfTI; an image file, of a scan of one slice, whose affine it gets; or a DICOM Segmentation, or the folder
            that holds one.
        image: the scan ``[C, X, Y, Z]``.

    Returns:
        ``[X, Y, Z]``, and its affine to RAS millimetres. Whether both are the scan's is for the caller to compare.

    Raises:
        ScanError: it does not exist or cannot be read, or is a Segmentation of places that are no voxels of the scan.
    """
    if not path.exists():
        raise ScanError(f"{path}: does not exist; expected a mask. Check the path.")
    if is_volume(path):
        return read_volume_mask(path)
    if path.is_file() and is_slice_image(path):
        return read_stored_mask(path).lesion.T[..., None], np.asarray(image.affine, dtype=np.float64)
    return read_dicom_mask(path, image)
