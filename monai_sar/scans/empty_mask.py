"""Whether a mask marks anything, told without the scan that it belongs to."""

from pathlib import Path

import numpy as np
import pydicom

from monai_sar.scans.file_format import is_slice_image, is_volume
from monai_sar.scans.find import visible_files
from monai_sar.scans.read_volume import read_volume_mask
from monai_sar.scans.scan import reading
from monai_sar.scans.stored_mask import read_stored_mask

__all__ = ["is_empty_mask"]


def is_empty_mask(path: Path) -> bool:
    """Return whether no voxel of a mask is inside.

    Args:
        path: a NIfTI or image file, a DICOM Segmentation, or the folder that holds one.

    Raises:
        ScanError: it cannot be read.
    """
    if is_volume(path):
        return not read_volume_mask(path)[0].any()
    if path.is_file() and is_slice_image(path):
        return not read_stored_mask(path).lesion.any()
    files = visible_files(path) if path.is_dir() else [path]
    with reading(path, "DICOM"):
        return not any(np.any(pydicom.dcmread(file).pixel_array) for file in files)
