"""Bring a window of a modality's units to [0, 1]."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data.meta_tensor import MetaTensor
from monai.transforms import MapTransform
from monai.utils import convert_to_dst_type, ensure_tuple_rep
from torch import Tensor

__all__ = ["WindowIntensityd"]


class WindowIntensityd(MapTransform):
    """Scale so that a window becomes [0, 1], and clip; in the memory of the image.

    The same numbers as MONAI's ``ScaleIntensityRanged``, which holds three volumes while it works: a CT of
    512 x 512 x 600 takes 600 MiB. So the array that comes in is changed: read it anew to have its units back.

    Args:
        keys: of the images, float32, as :class:`monai_sar.transforms.LoadScand` reads them.
        window: the values that become 0 and 1, in the unit of the image (CT: HU).
        names: of each key, under which name the item holds the windowed image as well, for looking at: as float16,
            which has more levels than a picture.

    Raises:
        ValueError: the window is empty.
        TypeError: when called: the image is not of floating point, so the result would be rounded.
    """

    def __init__(self, keys: KeysCollection, *, window: Sequence[float], names: KeysCollection | None = None) -> None:
        super().__init__(keys)
        self.low, self.high = window
        if not self.low < self.high:
            raise ValueError(f"The window is {list(window)}, expected a lower and a higher value.")
        self.names = (
            ensure_tuple_rep(None, len(self.keys)) if names is None else ensure_tuple_rep(names, len(self.keys))
        )

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Window the images of an item."""
        windowed = dict(data)
        for key, name in self.key_iterator(windowed, self.names):
            image: MetaTensor = windowed[key]
            if not image.is_floating_point():
                raise TypeError(f"Found an image of type {image.dtype}, expected floats; load the scan with LoadScand.")
            values = torch.as_tensor(image).as_subclass(Tensor)
            values.sub_(self.low).div_(self.high - self.low).clamp_(0, 1)
            if name is not None:
                windowed[name] = convert_to_dst_type(values, image, dtype=torch.float16)[0]
        return windowed
