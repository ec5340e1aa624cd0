"""Read a volume of FreeSurfer, ``.mgh`` or ``.mgz``."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from monai_sar.scans.nifti import read_values
from monai_sar.scans.scan import reading
from monai_sar.scans.volume import Volume, choose_volume, slice_axis
from monai_sar.scans.whole_file import check_size, is_gzip, whole_file

__all__ = ["read_mgh"]


def read_mgh(path: Path, number: int | None = None) -> Volume:
    """Read a volume with nibabel's affine, which gives scanner coordinates; compressed with gzip or not.

    Args:
        path: of the file.
        number: of the volume (FreeSurfer: frame), where there are several, see
            :func:`monai_sar.scans.volume.choose_volume`.

    Raises:
        ScanError: it is damaged, holds no such volume, or several and none is wanted.
    """
    with reading(path, "FreeSurfer's MGH"), whole_file(path) as stream:
        file_map = nib.MGHImage.make_file_map()
        file_map["image"].fileobj = stream
        image: Any = nib.MGHImage.from_file_map(file_map)
        shape, chosen = choose_volume(image.shape, path, number)
        check_size(path, image.shape, image.get_data_dtype().itemsize, data=path, compressed=is_gzip(path))
        voxels = read_values(image, chosen).reshape(shape)
        affine = np.asarray(image.affine, dtype=np.float64)
    return Volume(voxels, affine, slice_axis(affine), (path,), number=chosen)
