"""What a scan is like, in a few numbers: how it was sampled, and what the network saw."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from monai.data.meta_tensor import MetaTensor
from torch import Tensor

from monai_sar.scans.plain_tensor import plain_tensor
from monai_sar.scans.scan_origin import ScanOrigin

__all__ = ["MODALITY", "QUANTILES", "TRAITS", "Kind", "ScanTraits", "Trait", "scan_kind"]

Kind = Literal["volumes", "slices"]
"""Scans of several slices, or single images."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of the intensities in the region."""

MODALITY = re.compile(r"[A-Z0-9]{1,16}")
"""A code as DICOM (0008,0060) has it; what else a header holds there is left out."""

_MOST_VOXELS = 4_000_000
"""Of a larger scan every second, third, ... row and column is looked at."""

_MOST_CHANNELS = 512
"""Of an embedding with more channels evenly spaced ones are kept."""


@dataclass(frozen=True)
class Trait:
    """Something that is measured of every scan.

    Attributes:
        topic: what it is about, for people in a hurry.
        words: what it is, for people.
        unit: of the number, for people; empty if it has none.
        tolerance: how far beyond those that were seen a scan may be, whatever their number: a share of the value, if it
            is a ``ratio``, else in its unit.
        ratio: twice as large is as much as half as large.
        set_by_protocol: it is the same, or nearly so, in all scans of one protocol, so that a single one tells it.
    """

    topic: str
    words: str
    unit: str
    tolerance: float
    ratio: bool = True
    set_by_protocol: bool = True


_QUANTILE = "intensity_{:02.0f}"

TRAITS: Mapping[str, Trait] = {
    "row_spacing": Trait("spacing", "spacing of rows", "mm", 0.3),
    "column_spacing": Trait("spacing", "spacing of columns", "mm", 0.3),
    "slice_spacing": Trait("slice distance", "distance of slices", "mm", 0.5),
    "height": Trait("field of view", "height of the slices", "mm", 0.3),
    "width": Trait("field of view", "width of the slices", "mm", 0.3),
    "depth": Trait("field of view", "extent along the slices", "mm", 0.5),
    # of image files, which hold no spacing
    "rows": Trait("matrix", "number of rows", "pixels", 0.3),
    "columns": Trait("matrix", "number of columns", "pixels", 0.3),
    **{
        _QUANTILE.format(100 * level): Trait(
            "intensities", f"{level:.0%} quantile of the intensities", "", 0.05, ratio=False, set_by_protocol=False
        )
        for level in QUANTILES
    },
    "region": Trait("region", "share of the region", "", 0.05, ratio=False, set_by_protocol=False),
}
"""By name. The spacing of rows is from one to the next: along the columns."""


@dataclass(frozen=True)
class ScanTraits:
    """What one scan is like; nothing of it names a patient or a file.

    Attributes:
        kind: a volume, or a single image.
        modality: DICOM modality code; None where the file does not say.
        measures: by the names of :data:`TRAITS`, as far as they are known.
        embedding: mean embedding of its patches, of at most 512 channels; empty if it was not measured.
    """

    kind: Kind
    modality: str | None
    measures: Mapping[str, float] = field(hash=False)
    embedding: tuple[float, ...] = ()

    @classmethod
    def of(
        cls, image: MetaTensor, region: Tensor, origin: ScanOrigin, *, embedding: Sequence[float] | None = None
    ) -> "ScanTraits":
        """Measure a scan.

        Args:
            image: as the network sees it, ``[C, H, W, D]``, rows, columns and slices as displayed, in [0, 1].
            region: ``[1, H, W, D]``, not 0 where scores count; not empty.
            origin: of the scan.
            embedding: mean embedding of its patches, see :class:`monai_sar.networks.MeanEmbedding`.
        """
        kept = [] if embedding is None else embedding[:: math.ceil(len(embedding) / _MOST_CHANNELS)]
        modality = origin.modality if MODALITY.fullmatch(origin.modality or "") else None
        return cls(
            kind=scan_kind(image),
            modality=modality,
            measures=_grid(image, origin) | _look(image, region),
            embedding=tuple(map(float, kept)),
        )


def scan_kind(image: Tensor) -> Kind:
    """What ``[C, H, W, D]`` is."""
    return "volumes" if image.shape[-1] > 1 else "slices"


def _grid(image: MetaTensor, origin: ScanOrigin) -> dict[str, float]:
    rows, columns, slices = image.shape[1:]
    row, column, slice_ = (float(mm) for mm in image.pixdim)
    if origin.kind == "slices" and (row, column, slice_) == (1.0, 1.0, 1.0):  # nobody gave a spacing
        return {"rows": rows, "columns": columns}
    grid = {"row_spacing": row, "column_spacing": column, "height": rows * row, "width": columns * column}
    # a single slice says nothing of the next
    return grid if slices == 1 else grid | {"slice_spacing": slice_, "depth": slices * slice_}


def _look(image: MetaTensor, region: Tensor) -> dict[str, float]:
    values, inside = plain_tensor(image), plain_tensor(region)
    step = math.ceil(math.sqrt(inside.numel() / _MOST_VOXELS))
    values, inside = values[:, ::step, ::step], inside[0, ::step, ::step] != 0
    look = {"region": float(inside.double().mean())}
    if inside.any():
        seen = values.float().mean(dim=0)[inside].numpy()
        for level, value in zip(QUANTILES, np.quantile(seen, QUANTILES), strict=True):
            look[_QUANTILE.format(100 * level)] = float(value)
    return look
