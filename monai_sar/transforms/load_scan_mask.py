"""Read the masks that belong to a scan, of lesions or of the region to score, on its grid."""

import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data.meta_tensor import MetaTensor
from monai.transforms import MapTransform

from monai_sar.scans.file_format import is_slice_image
from monai_sar.scans.scan import ScanError
from monai_sar.scans.scan_mask import read_scan_mask
from monai_sar.scans.scan_origin import source_name

__all__ = ["EmptyMaskd", "LoadScanMaskd"]


class LoadScanMaskd(MapTransform):
    """Load masks as uint8 ``MetaTensor`` ``[1, X, Y, Z]`` of 0 and 1.

    Runs after :class:`monai_sar.transforms.LoadScand`.

    What a mask may be is told by :func:`monai_sar.scans.scan_mask.read_scan_mask`. It keeps its own affine, and
    :class:`monai_sar.transforms.OrientSlicesd` checks that it is the scan's.

    Args:
        keys: of the masks' paths; what is a tensor already stays.
        image_key: of the scan.
        allow_missing_keys: whether a key may be absent.

    Raises:
        ScanError: when called: a mask cannot be read, or is no mask of the scan.
    """

    def __init__(self, keys: KeysCollection, *, image_key: str = "image", allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.image_key = image_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a copy of ``data`` with the masks in place of their paths."""
        loaded = dict(data)
        for key in self.key_iterator(loaded):
            if isinstance(loaded[key], (str, os.PathLike)):
                loaded[key] = _read(Path(loaded[key]), loaded[self.image_key])
        return loaded


class EmptyMaskd(MapTransform):
    """Give items that have no mask an empty one: ``[1, ...]``, uint8, on the grid of their image.

    For each key an item also gets ``<key>_known``: False if it is ``abnormal`` and had no mask. Its empty mask then
    says nothing, and no figure of voxels may count them.

    Args:
        keys: of the masks.
        image_key: of the image ``[C, ...]``.
    """

    def __init__(self, keys: KeysCollection, *, image_key: str = "image") -> None:
        super().__init__(keys)
        self.image_key = image_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a copy of ``data`` with a mask under every key."""
        image = data[self.image_key]
        empty = {key: torch.zeros((1, *image.shape[1:]), dtype=torch.uint8) for key in self.keys if key not in data}
        known: dict[Hashable, bool] = {f"{key}_known": not (key in empty and data.get("abnormal")) for key in self.keys}
        masks = {key: MetaTensor(mask, affine=image.affine) for key, mask in empty.items()}
        return {**data, **masks, **known}


def _read(path: Path, image: MetaTensor) -> MetaTensor:
    inside, affine = read_scan_mask(path, image)
    if is_slice_image(path) and inside.shape != tuple(image.shape[1:]):  # of others the affine tells, too
        slices = "" if image.shape[3] == 1 else f", which has {image.shape[3]} slices"
        raise ScanError(
            f"{path}: found a mask of {inside.shape[1]} rows x {inside.shape[0]} columns; expected the size of its "
            f"image, {image.shape[2]} x {image.shape[1]} ({source_name(image, 'not read from a file')}){slices}. "
            "Check that the two belong together."
        )
    return MetaTensor(
        torch.from_numpy(np.ascontiguousarray(inside[None], dtype=np.uint8)),
        affine=torch.from_numpy(np.asarray(affine, dtype=np.float64)),
        meta={"filename_or_obj": str(path)},
    )
