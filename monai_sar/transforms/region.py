"""Where in an image a score means something: inside the head, the body, an organ."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data.meta_tensor import MetaTensor
from monai.transforms import MapTransform, Transform
from monai.utils import convert_to_dst_type
from scipy import ndimage
from torch import Tensor

from monai_sar.scans.scan_origin import add_note, has_padding, source_name

__all__ = ["BodyRegion", "CutOutd", "ForegroundRegion", "RegionMaskd"]


class ForegroundRegion(Transform):
    """What is brighter than a level, and every hole in it, slice by slice.

    Args:
        level: in the unit of the image.

    Example:
        >>> import torch
        >>> from monai_sar.transforms import ForegroundRegion
        >>> ring = torch.tensor([[[0.0, 0.0, 0.0, 0.0], [0, 1, 1, 1], [0, 1, 0, 1], [0, 1, 1, 1]]])
        >>> ForegroundRegion(level=0.5)(ring).int()
        tensor([[[0, 0, 0, 0],
                 [0, 1, 1, 1],
                 [0, 1, 1, 1],
                 [0, 1, 1, 1]]], dtype=torch.int32)
    """

    def __init__(self, *, level: float) -> None:
        self.level = level

    def __call__(self, image: Tensor) -> Tensor:
        """Find the foreground of ``[C, H, W]`` or ``[C, H, W, D]``: boolean, one channel, bright in any of them."""
        brightest = torch.as_tensor(image).as_subclass(torch.Tensor).amax(dim=0, keepdim=True)
        return _without_holes(brightest > self.level)


class BodyRegion(Transform):
    """The patient in a CT, without the table and the air around: the largest piece that is denser than a level.

    Lungs and bowel gas are holes in it and belong to it, where a slice shows them closed.

    Args:
        level: HU, between air (-1000) and fat (-100).
    """

    def __init__(self, *, level: float) -> None:
        self.level = level

    def __call__(self, image: Tensor) -> Tensor:
        """Find the body in ``[1, H, W]`` or ``[1, H, W, D]`` in HU: boolean, the same shape."""
        dense = torch.as_tensor(image).as_subclass(torch.Tensor) > self.level
        # a cushion or a blanket touches the skin in thin lines, which an opening of the slices cuts
        opened = ndimage.binary_opening(dense[0].numpy(), structure=_in_plane(dense.ndim - 1), iterations=2)
        return _without_holes(torch.from_numpy(_largest_piece(opened))[None])


class RegionMaskd(MapTransform):
    """Take the mask of a region that came with the image, or find one, without what is padding.

    Args:
        keys: of the image.
        find: image ``[C, H, W(, D)]`` -> region ``[1, H, W(, D)]``, boolean; for images without a mask.
        region_key: of the mask: under it the item may hold one on the image's grid (non-zero is inside), and will
            hold a boolean one.
        note: what the report of a scan should say when no mask came with it.

    Raises:
        ValueError: when called: the mask has another shape than the image, or the region is empty.
    """

    def __init__(
        self,
        keys: KeysCollection,
        *,
        find: Callable[[Tensor], Tensor],
        region_key: str = "region",
        note: str | None = None,
    ) -> None:
        super().__init__(keys)
        self.find = find
        self.region_key = region_key
        self.note = note

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Add the region to an item."""
        item = dict(data)
        for key in self.key_iterator(item):
            image: MetaTensor = item[key]
            given = item.get(self.region_key)
            region = self.find(image) if given is None else _inside(given)
            _check(region, image, mask=given)
            if isinstance(image, MetaTensor) and has_padding(image):
                values = torch.as_tensor(image).as_subclass(torch.Tensor)
                region = region & (values > values.min()).any(dim=0, keepdim=True)
                _check(region, image, mask=given)
            if given is None and self.note is not None:
                add_note(image, self.note)
            item[self.region_key] = convert_to_dst_type(region, image, dtype=torch.bool)[0]
        return item


class CutOutd(MapTransform):
    """Set what lies outside a region to 0; in the memory of the image.

    The same numbers as MONAI's ``MaskIntensityd``, which makes a float of every voxel of the mask: as much memory
    as the image takes. The array that comes in is changed.

    Args:
        keys: of the images ``[C, H, W(, D)]``.
        region_key: of the region ``[1, H, W(, D)]``, boolean, as :class:`RegionMaskd` leaves it.
    """

    def __init__(self, keys: KeysCollection, *, region_key: str = "region") -> None:
        super().__init__(keys)
        self.region_key = region_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Cut the images of an item out."""
        item = dict(data)
        region = torch.as_tensor(item[self.region_key]).as_subclass(Tensor)
        for key in self.key_iterator(item):
            for channel in torch.as_tensor(item[key]).as_subclass(Tensor):
                apart = int(np.argmax(channel.stride()))  # slab by slab, as they lie in memory: takes none
                for image, inside in zip(channel.unbind(apart), region[0].unbind(apart), strict=True):
                    if image.any():  # of zeros, as VolumeInferer makes them, what is not written takes no memory
                        image.masked_fill_(~inside, 0.0)
        return item


def _inside(mask: Any) -> Tensor:
    """Where a mask is above 0: boolean. Of 0 and 1 in bytes, as most are, it is the same memory."""
    values = torch.as_tensor(mask).as_subclass(Tensor)
    return values.view(torch.bool) if values.dtype == torch.uint8 and values.max() <= 1 else values > 0


def _without_holes(region: Tensor) -> Tensor:
    slices = region[0].numpy().reshape(*region.shape[1:3], -1)
    filled = np.stack([ndimage.binary_fill_holes(slices[..., z]) for z in range(slices.shape[-1])], axis=-1)
    return torch.from_numpy(filled).reshape(region.shape)


def _largest_piece(mask: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    # MONAI's KeepLargestConnectedComponent numbers the pieces in 64 bits: twice the memory of the image
    pieces, count = ndimage.label(mask)
    sizes = np.sum([np.bincount(row.ravel(), minlength=count + 1) for row in pieces], axis=0)
    largest: np.ndarray[Any, Any] = (pieces == 1 + np.argmax(sizes[1:])) if count else mask
    return largest


def _in_plane(dimensions: int) -> np.ndarray[Any, Any]:
    cross: np.ndarray[Any, Any] = ndimage.generate_binary_structure(2, 1)
    return cross if dimensions == 2 else cross[..., None]


def _check(region: Tensor, image: MetaTensor, *, mask: Any) -> None:
    source = source_name(image, "the image")
    found_in = f"{source}: " if mask is None else f"{source_name(mask, 'the mask')}: "
    expected = (1, *image.shape[1:])
    if tuple(region.shape) != expected:
        raise ValueError(
            f"{found_in}the region has shape {tuple(region.shape)}, expected {expected}, as the image {source}."
        )
    if not region.any():
        what = "shows nothing above the level of the foreground" if mask is None else "marks no voxel"
        raise ValueError(f"{found_in}{what}, so there is no place to score. Check the image and its mask.")
