"""Take intensities as the image file stores them."""

from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from monai_sar.scans.scan_origin import source_name

__all__ = ["StoredIntensityd"]


class StoredIntensityd(MapTransform):
    """Divide by the largest value that the file's type can store (255, 65535), as the paper does [0].

    Only for image files that :class:`monai_sar.transforms.LoadScand` read. A volume has no such range, and 12-bit
    signal in a 16-bit file comes out nearly black; :class:`monai_sar.transforms.MRIIntensityd` knows neither limit.

    [0]: https://arxiv.org/abs/2603.02974

    Args:
        keys: of the images.

    Raises:
        ValueError: when called with an image that does not say its stored range.
    """

    def __init__(self, keys: KeysCollection) -> None:
        super().__init__(keys)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Scale the images of an item to [0, 1]."""
        scaled = dict(data)
        for key in self.key_iterator(scaled):
            image: MetaTensor = scaled[key]
            if "stored_max" not in image.meta:
                raise ValueError(
                    f"{source_name(image, str(key))} is no image file with a stored range. "
                    "Train with intensities scaled by the foreground instead (in a bundle, intensity: foreground)."
                )
            scaled[key] = image / image.meta["stored_max"]
        return scaled
