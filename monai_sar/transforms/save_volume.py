"""Volumes back to disk, in the geometry of the scan."""

import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from monai_sar.writers.nifti import write_nifti

__all__ = ["SaveVolumed", "scan_stem"]


def scan_stem(image: MetaTensor) -> str:
    """Name of the file that an image was loaded from, without folder and suffixes."""
    return Path(image.meta["filename_or_obj"]).name.removesuffix(".gz").removesuffix(".nii")


class SaveVolumed(MapTransform):
    """Write ``<scan>_<postfix>.nii.gz`` with the header geometry of the NIfTI file that the scan was loaded from.

    Unlike MONAI's ``SaveImaged`` it keeps qform, sform, their codes and the units bit by bit, and never leaves half a
    file.

    Args:
        keys: of the volumes ``[1, X, Y, Z]``, already back in the orientation of the scan.
        output_dir: folder of the files.
        postfix: what the files are called after the scan.
    """

    def __init__(self, keys: KeysCollection, *, output_dir: str | os.PathLike[str], postfix: str) -> None:
        super().__init__(keys)
        self.output_dir = Path(output_dir)
        self.postfix = postfix

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Write the volumes of one item."""
        for key in self.key_iterator(dict(data)):
            volume: MetaTensor = data[key]
            path = self.output_dir / f"{scan_stem(volume)}_{self.postfix}.nii.gz"
            write_nifti(path, volume, reference=volume.meta["filename_or_obj"])
        return dict(data)
