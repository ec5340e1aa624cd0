"""Whether a scan is a volume or a single slice, told from its header."""

from pathlib import Path

from PIL import Image

from monai_sar.scans.dicom_header import read_dataset
from monai_sar.scans.file_format import VOLUME_FORMATS, file_format
from monai_sar.scans.find import find_scans, visible_files
from monai_sar.scans.nifti import read_nifti_header
from monai_sar.scans.read_volume import read_volume
from monai_sar.scans.scan import reading

__all__ = ["is_single_slice"]


def is_single_slice(path: Path) -> bool:
    """Return whether a scan has one slice alone. Of NIfTI, DICOM and images no voxel is read.

    Args:
        path: a file in any format that is read, or the folder of a series or of a stack.

    Raises:
        ScanError: the header cannot be read, or there is no scan.
    """
    if path.is_dir():
        files = [file for file in visible_files(path) if file_format(file) is not None]
        if not files:
            return is_single_slice(find_scans([path])[0])
        return len(files) == 1 and is_single_slice(files[0])
    kind = file_format(path)
    if kind == "nifti":
        shape = read_nifti_header(path).get_data_shape()
        return len(shape) < 3 or 1 in shape[:3]
    if kind in VOLUME_FORMATS:
        return 1 in read_volume(path).image.shape[1:]
    if kind == "image":
        with reading(path, "an image"), Image.open(path) as image:
            return getattr(image, "n_frames", 1) == 1
    header = read_dataset(path, ["NumberOfFrames"], stop_before_pixels=True)
    return int(header.get("NumberOfFrames") or 1) == 1
