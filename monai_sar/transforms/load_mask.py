"""Read the mask of a lesion that belongs to a slice: 1 in the lesion, 0 elsewhere."""

import os
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config.type_definitions import KeysCollection
from monai.data.meta_tensor import MetaTensor
from monai.transforms.transform import MapTransform, Transform

from monai_sar.scans.scan_origin import source_name
from monai_sar.scans.stored_image import ImageReadError, StoredImage
from monai_sar.scans.stored_mask import read_stored_mask

__all__ = ["LoadMask", "LoadMaskd"]


class LoadMask(Transform):
    """Load a mask as a uint8 ``MetaTensor`` ``[1, H, W]`` of 0 and 1, rows first, on the grid of its image.

    What counts as lesion is told by :func:`monai_sar.scans.stored_mask.read_stored_mask`.

    Raises:
        ImageReadError: when called: the file cannot be read, its size is not the image's, or it is a JPEG
            whose values do not say where the lesion is.
        ValueError: when called with neither a path nor an image.
    """

    def __call__(self, path: str | os.PathLike[str] | None, image: torch.Tensor | None = None) -> MetaTensor:
        """Return the mask stored in the file ``path``.

        Args:
            path: the file, or None for an image without a lesion: the mask is then 0 everywhere.
            image: the loaded image ``[C, H, W]``, whose height and width the mask must have.
        """
        if path is None:
            if image is None:
                raise ValueError("found neither a mask's path nor an image; expected one to tell the size")
            return MetaTensor(torch.zeros((1, *image.shape[-2:]), dtype=torch.uint8))
        mask = read_stored_mask(path)
        if image is not None:
            _check_same_size(mask.stored, image)
        lesion = torch.from_numpy(mask.lesion[np.newaxis].astype(np.uint8))
        return MetaTensor(lesion, meta={"filename_or_obj": mask.stored.path})


class LoadMaskd(MapTransform):
    """Dictionary version of :class:`LoadMask`; runs after the image was loaded and before it changes size.

    Args:
        keys: keys whose path (or None) is replaced by the mask.
        image_key: key of the loaded image ``[C, H, W]`` that the masks belong to.
        allow_missing_keys: whether a key may be absent.
    """

    def __init__(
        self, keys: KeysCollection = "label", *, image_key: str = "image", allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.image_key = image_key
        self.loader = LoadMask()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a copy of ``data`` with the masks in place of their paths."""
        image = data[self.image_key]
        if not isinstance(image, torch.Tensor):
            raise TypeError(
                f"found a {type(image).__name__} under '{self.image_key}'; expected the loaded image: put "
                f"LoadSliced('{self.image_key}') before LoadMaskd"
            )
        loaded = dict(data)
        for key in self.key_iterator(loaded):
            loaded[key] = self.loader(loaded[key], image)
        return loaded


def _check_same_size(mask: StoredImage, image: torch.Tensor) -> None:
    """Raise ImageReadError, naming both files and sizes, unless the mask has the image's height and width."""
    (height, width), (image_height, image_width) = mask.pixels.shape[:2], image.shape[-2:]
    if (height, width) == (image_height, image_width):
        return
    raise ImageReadError(
        f"{mask.path}: found a mask of {height} rows x {width} columns; expected the size of its image, "
        f"{image_height} x {image_width} ({source_name(image, 'not read from a file')}). Check that "
        "the two belong together, and load the mask before the image is resized."
    )
