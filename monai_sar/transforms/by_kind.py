"""Prepare image files and scans in units of their modality each in their own way."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.transforms import MapTransform

from monai_sar.scans.scan_origin import ScanOrigin

__all__ = ["ByKindd"]


class ByKindd(MapTransform):
    """Apply one of two transforms to an item, by what its image was read from.

    Image files hold a window of the modality's units, stretched over the values that the file's type can store; NIfTI
    and DICOM hold the units themselves.

    Args:
        keys: of the image.
        image_files: item -> item, for PNG, JPEG, TIFF and BMP.
        scans: item -> item, for NIfTI and DICOM.
    """

    def __init__(
        self,
        keys: KeysCollection,
        *,
        image_files: Callable[[Mapping[Hashable, Any]], dict[Hashable, Any]],
        scans: Callable[[Mapping[Hashable, Any]], dict[Hashable, Any]],
    ) -> None:
        super().__init__(keys)
        self.image_files = image_files
        self.scans = scans

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Apply the transform of the item's kind."""
        kinds = {ScanOrigin.of(data[key]).kind for key in self.key_iterator(dict(data))}
        return self.image_files(data) if kinds == {"slices"} else self.scans(data)
