"""Which slices of a prepared scan a network learns from."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from monai_sar.scans.plain_tensor import plain_tensor
from monai_sar.transforms.field_of_view import FieldOfView

__all__ = ["SliceChoice", "normal_slices"]


@dataclass(frozen=True)
class SliceChoice:
    """Which slices are learnt from: those that show enough, no lesion, and none too near to one.

    Args:
        min_region: share of the region in the fullest slice of the scan that a slice must have: the ends of an organ
            are cut in every scan at another place.
        lesion_margin: mm beside a slice that shows lesion in which slices are left out too.
        slices_per_scan: at most so many, evenly spaced; None for all.

    Raises:
        ValueError: a number is out of its range.
    """

    min_region: float = 0.0
    lesion_margin: float = 0.0
    slices_per_scan: int | None = None

    def __post_init__(self) -> None:
        """Refuse what would choose nothing, or anything."""
        if not 0 <= self.min_region <= 1:
            raise ValueError(f"min_region is {self.min_region}, expected a share from 0 to 1.")
        if not 0 <= self.lesion_margin < math.inf:
            raise ValueError(f"lesion_margin is {self.lesion_margin}, expected 0 mm or more.")
        if self.slices_per_scan is not None and self.slices_per_scan < 1:
            raise ValueError(f"slices_per_scan is {self.slices_per_scan}, expected 1 or more, or null for all.")

    def __call__(self, item: Mapping[str, Any]) -> list[int]:
        """Choose slices.

        Args:
            item: prepared: ``image`` ``[C, H, W, D]``, ``region`` ``[1, H, W, D]``, perhaps ``label`` likewise.

        Returns:
            Indices along D, ascending; none, if nothing of the scan can be learnt from.
        """
        image, region = plain_tensor(item["image"]), plain_tensor(item["region"])[0]
        view = FieldOfView.of(item["image"])
        # slice by slice: a sum over all would make eight bytes of every voxel first
        area = torch.stack([within.count_nonzero() for within in region.unbind(-1)])
        enough = area >= max(1, self.min_region * int(area.max()))
        clean = normal_slices(item, margin=self.lesion_margin)
        chosen = [z for z in range(image.shape[-1]) if enough[z] and clean[z] and view.shows_something(image[..., z])]
        if self.slices_per_scan is None or len(chosen) <= self.slices_per_scan:
            return chosen
        # the middles of equal parts
        step = len(chosen) / self.slices_per_scan
        return [chosen[int((part + 0.5) * step)] for part in range(self.slices_per_scan)]


def normal_slices(item: Mapping[str, Any], *, margin: float = 0.0) -> Tensor:
    """Which slices are farther from every lesion than a margin: boolean ``[D]``.

    Args:
        item: prepared: ``image`` ``[C, H, W, D]`` with its affine, perhaps ``label`` ``[1, H, W, D]``.
        margin: mm along the slices.
    """
    image = item["image"]
    if item.get("label") is None:
        return torch.ones(image.shape[-1], dtype=torch.bool)
    lesion = (plain_tensor(item["label"])[0] != 0).any(dim=0).any(dim=0)
    step = float(image.pixdim[-1])
    index = torch.arange(len(lesion), dtype=torch.float64)
    apart = (index[:, None] - index[lesion][None]).abs() * step
    return ~lesion if not lesion.any() else (apart.min(dim=1).values > margin) & ~lesion
