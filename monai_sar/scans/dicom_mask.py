"""Read a DICOM Segmentation as a mask on the grid of its scan."""

from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
from monai.data.meta_tensor import MetaTensor
from numpy.typing import NDArray
from pydicom.uid import SegmentationStorage

from monai_sar.scans.find import visible_files
from monai_sar.scans.scan import LPS_TO_RAS, ScanError, reading
from monai_sar.scans.scan_origin import source_name

__all__ = ["read_dicom_mask"]

_ON_A_VOXEL = 0.1
"""A voxel of the Segmentation lies on one of the scan if it is nearer than this share of a voxel."""


def read_dicom_mask(path: Path, image: MetaTensor) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Read the segments of one DICOM Segmentation (PS3.3 A.51) together: inside is what any of them marks.

    Frames that the Segmentation leaves out are empty (PS3.3 C.8.20.2), so it may cover less than the scan.

    Args:
        path: the file, or a folder that holds it alone.
        image: the scan ``[C, X, Y, Z]``, with its affine to RAS millimetres.

    Returns:
        ``[X, Y, Z]`` on the grid of the scan, and the scan's affine.

    Raises:
        ScanError: it is no Segmentation, damaged, or lies beside the voxels of the scan.
    """
    file = _only_file(path)
    with reading(file, "DICOM"), pydicom.config.disable_value_validation():
        sop_class = pydicom.dcmread(file, stop_before_pixels=True).get("SOPClassUID")
        if sop_class != SegmentationStorage:
            raise ScanError(
                f"{file}: is DICOM but no Segmentation, expected one as the mask of {source_name(image, 'the scan')}; "
                "give a DICOM Segmentation, NIfTI or an image file."
            )
        volume = hd.seg.segread(file).get_volume(combine_segments=True, relabel=True)
    affine = np.asarray(image.affine, dtype=np.float64)
    voxels = np.argwhere(volume.array > 0)
    places = np.linalg.inv(affine) @ LPS_TO_RAS @ volume.affine @ np.c_[voxels, np.ones(len(voxels))].T
    nearest = places[:3].round()
    shape = tuple(image.shape[1:])
    outside = (nearest < 0) | (nearest >= np.array(shape)[:, None])
    if np.abs(places[:3] - nearest).max(initial=0) > _ON_A_VOXEL or outside.any():
        raise ScanError(
            f"{file}: marks places that are no voxels of {source_name(image, 'the scan')}. Check that the two belong "
            "together; a Segmentation on another grid has to be resampled first."
        )
    inside = np.zeros(shape, dtype=np.bool_)
    inside[tuple(nearest.astype(int))] = True
    return inside, affine


def _only_file(path: Path) -> Path:
    files = visible_files(path) if path.is_dir() else [path]
    if len(files) != 1:
        raise ScanError(f"{path}: holds {len(files)} files, expected one DICOM Segmentation; give the file.")
    return files[0]
