"""Which parts of a transform are random: what is encoded once must be the same every time."""

from typing import Any

from monai.transforms import Compose
from monai.transforms.traits import RandomizableTrait

from monai_sar.transforms.by_kind import ByKindd

__all__ = ["random_transforms"]


def random_transforms(transform: Any) -> list[str]:
    """Name the random transforms in a transform, however deep they are in ``Compose`` and :class:`ByKindd`.

    A plain function that draws numbers of its own cannot be told.

    Args:
        transform: one of MONAI's, or any callable.

    Example:
        >>> from monai.transforms import Compose, RandFlipd, ScaleIntensityd
        >>> random_transforms(Compose([ScaleIntensityd("image"), Compose([RandFlipd("image", prob=0.5)])]))
        ['RandFlipd']
    """
    if type(transform) is Compose:  # which MONAI calls randomizable whatever is in it; OneOf and its like are
        return [name for part in transform.transforms for name in random_transforms(part)]
    if isinstance(transform, ByKindd):
        return [name for part in (transform.image_files, transform.scans) for name in random_transforms(part)]
    return [type(transform).__name__] if isinstance(transform, RandomizableTrait) else []
