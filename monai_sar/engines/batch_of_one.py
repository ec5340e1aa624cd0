"""A batch of one scan, without a copy of it."""
# MONAI types only part of itself
# mypy: allow-untyped-calls

from collections.abc import Mapping, Sequence
from typing import Any

from monai.data import MetaTensor, list_data_collate
from torch import Tensor

__all__ = ["batch_of_one"]


def batch_of_one(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Collate one item as MONAI's ``list_data_collate`` does, which would copy every volume; for scans that are large.

    Args:
        items: one, of a dataset.

    Returns:
        The batch; its tensors share the memory of those of the item.

    Raises:
        ValueError: there are several items.
    """
    if len(items) != 1:
        raise ValueError(f"Found {len(items)} items, expected one: give the loader batch_size=1.")
    tensors = {key: value for key, value in items[0].items() if isinstance(value, Tensor)}
    # what MONAI keeps beside the voxels is collated without them
    batch: dict[str, Any] = list_data_collate(
        [{key: tensors[key][:0] if key in tensors else value for key, value in items[0].items()}]
    )
    for key, tensor in tensors.items():
        voxels = tensor.as_subclass(Tensor)[None]
        meta = batch[key]
        batch[key] = MetaTensor(voxels).copy_meta_from(meta) if isinstance(meta, MetaTensor) else voxels
    return batch
