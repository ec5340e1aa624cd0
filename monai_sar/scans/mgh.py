"""Read a volume of FreeSurfer, ``.mgh`` or ``.mgz``."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from monai_sar.scans.scan import reading
from monai_sar.scans.volume import Volume, slice_axis, volume_shape
from monai_sar.scans.whole_file import check_size, is_gzip, whole_file

__all__ = ["read_mgh"]


def read_mgh(path: Path) -> Volume:
    """Read a 3D file with nibabel's affine, which gives scanner coordinates; compressed with gzip or not.

    Raises:
        ScanError: it is damaged, or not 3D.
    """
    with reading(path, "FreeSurfer's MGH"), whole_file(path) as stream:
        file_map = nib.MGHImage.make_file_map()
        file_map["image"].fileobj = stream
        image: Any = nib.MGHImage.from_file_map(file_map)
        shape = volume_shape(image.shape, path)
        check_size(path, image.shape, image.get_data_dtype().itemsize, data=path, compressed=is_gzip(path))
        voxels = image.get_fdata(dtype=np.float32, caching="unchanged").reshape(shape)
        affine = np.asarray(image.affine, dtype=np.float64)
    return Volume(voxels, affine, slice_axis(affine), (path,))
