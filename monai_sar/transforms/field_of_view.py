"""Which part of the slices is encoded: the same rectangle in all slices of a scan."""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from monai.config import KeysCollection
from monai.data.meta_tensor import MetaTensor
from monai.data.utils import affine_to_spacing
from monai.transforms import MapTransform
from torch import Tensor

from monai_sar.scans.plain_tensor import plain_tensor
from monai_sar.scans.scan_origin import FIELD_OF_VIEW, add_note, is_image_file, source_name
from monai_sar.transforms.foreground import has_foreground

__all__ = ["FieldOfView", "FieldOfViewd"]

_LARGEST = 8192
"""Pixels along a side: what is larger is a mistake in the unit, and would take all memory."""


class FieldOfView(NamedTuple):
    """A rectangle in the plane of slices, in pixels of theirs; it may reach beyond them.

    Attributes:
        top: row of its first pixel.
        left: column of its first pixel.
        height: in rows.
        width: in columns.
    """

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def of(cls, image: Tensor) -> "FieldOfView":
        """What :class:`FieldOfViewd` has chosen for an image ``[..., H, W, D]``; without its choice the whole slice."""
        chosen = getattr(image, "meta", {}).get(FIELD_OF_VIEW)
        if chosen is None:
            return cls(0, 0, image.shape[-3], image.shape[-2])
        return cls(*torch.as_tensor(chosen).reshape(-1, 4)[0].tolist())  # a collated batch has one for each item

    def cut(self, slices: Tensor) -> Tensor:
        """The part of slices ``[B, C, H, W]`` that lies inside: ``[B, C, height, width]``, 0 beyond the slice."""
        return F.pad(slices, self._margins(slices.shape[-2], slices.shape[-1], outwards=1))

    def put_back(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        """Maps ``[B, 1, height, width]`` of what was cut, in slices of the size ``(H, W)``: 0 outside."""
        return F.pad(maps, self._margins(*size, outwards=-1))

    def shows_something(self, image: Tensor) -> bool:
        """Whether any channel of a slice ``[C, H, W]`` shows something inside: see :func:`has_foreground`.

        What is cut is a copy in one piece: walking through the memory of a volume three times would be slower.
        """
        return any(map(has_foreground, self.cut(image[None])[0].contiguous()))

    def _margins(self, rows: int, columns: int, *, outwards: int) -> list[int]:
        # of torch's padding: columns first; a negative one cuts
        right, below = self.left + self.width - columns, self.top + self.height - rows
        return [outwards * margin for margin in (-self.left, right, -self.top, below)]


class FieldOfViewd(MapTransform):
    """Choose the part of the slices that is encoded: a rectangle of so many mm around the region of the scan.

    Most of a CT lies outside the liver: what a fixed number of patches spends there, it lacks inside. One size in mm
    for all scans keeps the size of tissue in a patch. The image stays whole: who runs the network
    (:class:`monai_sar.inferers.VolumeInferer`, :class:`monai_sar.features.FeatureDataset`) cuts, and the map has the
    grid of the scan, 0 outside.

    A region that is larger than the rectangle makes it larger in both directions, and the report says so. One near
    the border of the slices does not lie in the middle.

    Args:
        keys: of the image ``[C, H, W, D]``, slices as displayed.
        extent: height and width in mm (of an image file without a spacing: in pixels).
        region_key: of the region ``[1, H, W, D]``, boolean, not empty, as
            :class:`monai_sar.transforms.RegionMaskd` leaves it.

    Raises:
        ValueError: the extent is not two numbers above 0; when called: it is more than 8192 pixels long.

    Example:
        >>> import torch
        >>> from monai.data import MetaTensor
        >>> from monai_sar.transforms import FieldOfView, FieldOfViewd
        >>> image, region = MetaTensor(torch.rand(1, 100, 200, 3)), torch.zeros(1, 100, 200, 3, dtype=torch.bool)
        >>> region[:, 40:60, 100:140, 1] = True
        >>> item = FieldOfViewd("image", extent=(60, 80))({"image": image, "region": region})
        >>> FieldOfView.of(item["image"])
        FieldOfView(top=20, left=80, height=60, width=80)
    """

    def __init__(self, keys: KeysCollection, *, extent: Sequence[float], region_key: str = "region") -> None:
        super().__init__(keys)
        if len(extent) != 2 or not all(0 < length < math.inf for length in extent):
            raise ValueError(f"The field of view is {list(extent)}; expected height and width in mm, above 0.")
        self.extent = (float(extent[0]), float(extent[1]))
        self.region_key = region_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Note the choice in the meta of the images of an item."""
        item = dict(data)
        inside = plain_tensor(item[self.region_key])[0].any(-1)
        for key in self.key_iterator(item):
            self._choose(item[key], inside)
        return item

    def _choose(self, image: MetaTensor, inside: Tensor) -> None:
        spacing = affine_to_spacing(image.affine)[:2].tolist()
        ends = [(int(shown[0]), int(shown[-1]) + 1) for shown in (inside.any(d).nonzero()[:, 0] for d in (1, 0))]
        sizes = [max(1, round(length / mm)) for length, mm in zip(self.extent, spacing, strict=True)]
        if is_image_file(image) and spacing == [1, 1]:
            add_note(
                image,
                f"without a spacing its field of view of {_in_mm(self.extent)} is taken in pixels: scans whose spacing "
                "is known are shown at another scale",
            )
        needed = [last - first for first, last in ends]
        larger = max(need / size for need, size in zip(needed, sizes, strict=True))
        if larger > 1:
            sizes = [math.ceil(size * larger) for size in sizes]
            add_note(
                image,
                f"what is scored is {_in_mm(needed, spacing)}, larger than the field of view of "
                f"{_in_mm(self.extent)}: it is shown to the network {larger:.2f} times smaller than that would show it",
            )
        if max(sizes) > _LARGEST:
            raise ValueError(
                f"{source_name(image, 'the image')}: its slices are {_in_mm(inside.shape, spacing)}; the field of view "
                f"of {_in_mm(self.extent)} would be more than {_LARGEST} pixels long. Expected the size of what is "
                "scored, in mm; check the setting field_of_view, and the spacing of the scan."
            )
        starts = [_start(*each) for each in zip(ends, sizes, inside.shape, strict=True)]
        image.meta[FIELD_OF_VIEW] = torch.tensor([*starts, *sizes])


def _in_mm(sizes: Sequence[float], spacing: Sequence[float] = (1, 1)) -> str:
    return " x ".join(f"{size * mm:.4g}" for size, mm in zip(sizes, spacing, strict=True)) + " mm"


def _start(ends: tuple[int, int], size: int, length: int) -> int:
    """Where a stretch of a size begins that has the ends in its middle, and lies inside the length if it can."""
    start = (ends[0] + ends[1] - size) // 2
    return min(max(start, 0), length - size) if size <= length else start
