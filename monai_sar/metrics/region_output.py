"""Which items, and which of their voxels, metrics of voxels count: those of known lesions, inside a region."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from monai.config.type_definitions import KeysCollection
from monai.utils.misc import ensure_tuple
from torch import Tensor

from monai_sar.scans.plain_tensor import plain_tensor

__all__ = ["InsideRegion", "KnownLesions", "pixels_inside", "region_mask"]


def pixels_inside(values: Tensor, region: Tensor) -> Tensor:
    """The values inside the region, as ``[n]`` in the order of the pixels, on the CPU.

    Args:
        values: any shape.
        region: boolean (or 0 and 1), same shape.

    Raises:
        ValueError: the shapes differ.
    """
    inside = region_mask(region, values)
    # torch would make a list of their indices first, which for a volume takes eight times its memory
    return torch.from_numpy(plain_tensor(values).numpy()[inside.numpy()])


def region_mask(region: Tensor, values: Tensor) -> Tensor:
    """The region as booleans, on the CPU.

    Args:
        region: boolean (or 0 and 1).
        values: of the same shape: what it is the region of.

    Raises:
        ValueError: the shapes differ.
    """
    if values.shape != region.shape:
        raise ValueError(
            f"The region has shape {tuple(region.shape)}, the map or mask has {tuple(values.shape)}; expected the same."
        )
    plain = plain_tensor(region)
    return plain if plain.dtype == torch.bool else plain != 0


class KnownLesions:
    """The ``output_transform`` of metrics of voxels: items whose lesions nobody has outlined do not count.

    Stands where MONAI's ``from_engine`` stands for all items. ``lesions_known`` of an item tells, which is
    ``label_known`` of :class:`monai_sar.transforms.EmptyMaskd`; items that do not say count.

    Args:
        keys: what to pick of each item, in the order that the metric takes.

    Example:
        >>> from monai_sar.metrics import KnownLesions
        >>> items = [{"pred": 0.1, "label": 0}, {"pred": 0.9, "label": 0, "lesions_known": False}]
        >>> KnownLesions(keys=["pred", "label"])(items)
        ([0.1], [0])
    """

    def __init__(self, keys: KeysCollection = ("pred", "label")) -> None:
        self.keys: tuple[str, ...] = ensure_tuple(keys)

    def __call__(self, output: Sequence[Mapping[str, Any]]) -> tuple[list[Any], ...]:
        """One list for each key.

        Args:
            output: the decollated output of an engine.

        Raises:
            KeyError: an item lacks a key.
        """
        _require(self.keys, output)
        return tuple([item[key] for item in output if _counts(item)] for key in self.keys)


class InsideRegion:
    """The ``output_transform`` of metrics that take pixels in any order: only those inside each item's region count.

    Of items whose lesions are not known none count, as for :class:`KnownLesions`. Stands where ``from_engine`` stands
    for whole images. An image whose region is empty counts nothing; scores outside may be anything, NaN too.
    :class:`monai_sar.metrics.PixelAUPRO` needs images, not lists of pixels: it takes the region itself.

    Args:
        keys: what to pick of each item, in the order that the metric takes: ``[1, H, W]`` each.
        region_key: where the item holds its region, ``[1, H, W]``, boolean (or 0 and 1).

    Example:
        >>> import torch
        >>> from monai_sar.metrics import InsideRegion
        >>> region = torch.tensor([[[True, True, False]]])
        >>> item = {"pred": torch.tensor([[[0.1, 0.2, 0.9]]]), "label": torch.tensor([[[0, 1, 0]]]), "region": region}
        >>> InsideRegion(keys=["pred", "label"])([item])
        ([tensor([0.1000, 0.2000])], [tensor([0, 1])])
    """

    def __init__(self, keys: KeysCollection = ("pred", "label"), region_key: str = "region") -> None:
        self.keys: tuple[str, ...] = ensure_tuple(keys)
        self.region_key = region_key

    def __call__(self, output: Sequence[Mapping[str, Tensor]]) -> tuple[list[Tensor], ...]:
        """One list for each key, of one ``[n]`` for each item.

        Args:
            output: the decollated output of an engine.

        Raises:
            KeyError: an item lacks a key.
            ValueError: a region has another shape than what it restricts.
        """
        _require((*self.keys, self.region_key), output)
        return tuple(
            [pixels_inside(item[key], item[self.region_key]) for item in output if _counts(item)] for key in self.keys
        )


def _counts(item: Mapping[str, Any]) -> bool:
    return bool(item.get("lesions_known", True))


def _require(keys: Sequence[str], output: Sequence[Mapping[str, Any]]) -> None:
    for item in output:
        if missing := set(keys) - item.keys():
            raise KeyError(
                f"An item of the engine's output has no {sorted(missing)}, only {sorted(item)}. "
                "The region is made by the preprocessing, or its key is given as region_key."
            )
