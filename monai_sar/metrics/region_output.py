"""Metrics inside a region: the head, the liver, the retina without the white margins of its image."""

from collections.abc import Mapping, Sequence

from monai.config.type_definitions import KeysCollection
from monai.utils.misc import ensure_tuple
from monai.utils.type_conversion import convert_to_tensor
from torch import Tensor

__all__ = ["InsideRegion", "pixels_inside"]


def pixels_inside(values: Tensor, region: Tensor) -> Tensor:
    """The values inside the region, as ``[n]`` in the order of the pixels, on the device of ``values``.

    Args:
        values: any shape.
        region: boolean (or 0 and 1), same shape.

    Raises:
        ValueError: the shapes differ.
    """
    if values.shape != region.shape:
        raise ValueError(
            f"The region has shape {tuple(region.shape)}, the map or mask has {tuple(values.shape)}; expected the same."
        )
    # without the affine, which means nothing to a list of pixels
    plain: Tensor = convert_to_tensor(values)
    return plain[convert_to_tensor(region).to(plain.device) != 0]


class InsideRegion:
    """The ``output_transform`` of metrics that take pixels in any order: only those inside each item's region count.

    Stands where ``from_engine`` stands for whole images. An image whose region is empty counts nothing; scores outside
    may be anything, NaN too. :class:`monai_sar.metrics.PixelAUPRO` needs images, not lists of pixels: it takes the
    region itself.

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
        for item in output:
            if missing := {*self.keys, self.region_key} - item.keys():
                raise KeyError(
                    f"An item of the engine's output has no {sorted(missing)}, only {sorted(item)}. "
                    "The region is made by the preprocessing, or its key is given as region_key."
                )
        return tuple([pixels_inside(item[key], item[self.region_key]) for item in output] for key in self.keys)
