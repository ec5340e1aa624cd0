"""Whether a scan is a volume or a single slice, told from its header."""

from pathlib import Path

import nibabel as nib
from PIL import Image

from monai_sar.scans.dicom_header import is_dicom, read_dataset
from monai_sar.scans.find import find_scans, visible_files
from monai_sar.scans.image_stack import is_slice_image
from monai_sar.scans.nifti import is_nifti
from monai_sar.scans.scan import reading

__all__ = ["is_single_slice"]


def is_single_slice(path: Path) -> bool:
    """Return whether a scan has one slice alone. No voxel is read.

    Args:
        path: a NIfTI, DICOM or image file, or the folder of a series or of a stack.

    Raises:
        ScanError: the header cannot be read, or there is no scan.
    """
    if path.is_dir():
        files = [file for file in visible_files(path) if is_slice_image(file) or is_nifti(file) or is_dicom(file)]
        if not files:
            return is_single_slice(find_scans([path])[0])
        return len(files) == 1 and is_single_slice(files[0])
    if is_nifti(path):
        with reading(path, "NIfTI"):
            shape = nib.load(path).shape  # type: ignore[attr-defined] # nibabel types its images in part
        return len(shape) < 3 or 1 in shape[:3]
    if is_slice_image(path):
        with reading(path, "an image"), Image.open(path) as image:
            return getattr(image, "n_frames", 1) == 1
    header = read_dataset(path, ["NumberOfFrames"], stop_before_pixels=True)
    return int(header.get("NumberOfFrames") or 1) == 1
