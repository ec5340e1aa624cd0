"""The white margins of OCT B-scans, which belong to no eye."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data.meta_tensor import MetaTensor
from monai.transforms import MapTransform, Transform
from monai.utils import convert_to_dst_type
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from monai_sar.scans.scan_origin import source_name

__all__ = ["AlignmentMargins", "FillAlignmentMarginsd"]

WHITE = 0.97  # of the brightest value of the image: JPEG moves pure white by a few levels
THICKNESS = 5  # pixels; layers of the retina that are as white are seldom so thick, and grainy
MIXED = 2  # pixels around the white in which interpolation and JPEG have mixed it with the scan


class AlignmentMargins(Transform):
    """Find the margins that a device fills with white when it shifts or turns B-scans into line.

    A margin is solid white, and reaches the edge of the image. Each B-scan is judged by itself.

    Example:
        >>> import torch
        >>> from monai_sar.transforms import AlignmentMargins
        >>> scan = torch.full((1, 64, 64), 0.2)
        >>> scan[:, :10] = 1.0
        >>> AlignmentMargins()(scan)[0, :, 0].nonzero().max()
        tensor(11)
    """

    def __call__(self, image: Tensor) -> Tensor:
        """Find the margins of ``[C, H, W]`` or ``[C, H, W, D]``, any unit: boolean, one channel, white in all."""
        darkest = torch.as_tensor(image).as_subclass(torch.Tensor).amin(dim=0, keepdim=True)
        slices = darkest[0].numpy().reshape(*darkest.shape[1:3], -1)
        white = slices >= WHITE * slices.max()
        margins = np.stack([_at_the_edge(white[..., z]) for z in range(white.shape[-1])], axis=-1)
        return torch.from_numpy(margins).reshape(darkest.shape)


class FillAlignmentMarginsd(MapTransform):
    """Give the white margins of B-scans the median of the rest of the B-scan, and take them out of the region.

    White beside dark is a strong edge, which the network would learn, and which would mark healthy eyes as abnormal.
    The median is the dark of vitreous body and sclera, which the margins border on.

    Args:
        keys: of the images, ``[C, H, W]`` or ``[C, H, W, D]``.
        region_key: of the mask of what is scored (non-zero is inside); made if the item has none.

    Raises:
        ValueError: when called: nothing but margins.
    """

    def __init__(self, keys: KeysCollection, *, region_key: str = "region") -> None:
        super().__init__(keys)
        self.region_key = region_key
        self.find = AlignmentMargins()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Fill the margins of an item's images."""
        item = dict(data)
        for key in self.key_iterator(item):
            image: MetaTensor = item[key]
            margins = self.find(image)
            region = ~margins
            if self.region_key in item:
                region &= torch.as_tensor(item[self.region_key]).as_subclass(torch.Tensor) > 0
            if not region.any():
                source = source_name(image, "the image")
                raise ValueError(f"{source}: shows nothing but white margins; check the file.")
            item[key] = convert_to_dst_type(_filled(image, margins), image)[0]
            item[self.region_key] = convert_to_dst_type(region, image, dtype=torch.bool)[0]
        return item


def _at_the_edge(white: NDArray[np.bool_]) -> NDArray[np.bool_]:
    # beyond the edge of the image counts as white, or an opening would eat the corners of wedges
    padded = np.pad(white, THICKNESS, constant_values=True)
    solid = ndimage.binary_opening(padded, structure=np.ones((THICKNESS, THICKNESS)))
    labels, _ = ndimage.label(solid)
    margins = labels == labels[0, 0]
    margins = margins[THICKNESS:-THICKNESS, THICKNESS:-THICKNESS]
    spread: NDArray[np.bool_] = ndimage.binary_dilation(margins, iterations=MIXED)
    return spread


def _filled(image: Tensor, margins: Tensor) -> Tensor:
    values = torch.as_tensor(image).as_subclass(torch.Tensor).clone()
    for channel in values:
        for scan, margin in zip(_slices(channel), _slices(margins[0]), strict=True):
            if margin.any() and not margin.all():
                scan[margin] = scan[~margin].median()
    return values


def _slices(volume: Tensor) -> tuple[Tensor, ...]:
    """Views of the B-scans ``[H, W]``."""
    return volume.unbind(-1) if volume.ndim == 3 else (volume,)
