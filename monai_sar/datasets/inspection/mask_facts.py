"""What the mask of one image is like."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from monai_sar.datasets.bmad_folder import BMADLayout
from monai_sar.datasets.bmad_layouts import AnomalyClass, Split
from monai_sar.scans.scan_name import scan_name
from monai_sar.scans.stored_image import ImageReadError
from monai_sar.scans.stored_mask import read_stored_mask

__all__ = ["MaskFacts", "masks_of_images", "read_mask_facts"]


@dataclass(frozen=True)
class MaskFacts:
    """One mask of a data set.

    Attributes:
        path: the file.
        image: the image that it belongs to.
        split: the split of both.
        kind: the class of the image.
        problem: why it cannot be read; empty if it can, and only then is the rest there.
        size: rows and columns.
        lesion: number of lesion pixels, as training and evaluation read them.
        levels: number of different colours.
        lossy: whether it is JPEG-compressed.
    """

    path: Path
    image: Path
    split: Split
    kind: AnomalyClass
    problem: str = ""
    size: tuple[int, int] = (0, 0)
    lesion: int = 0
    levels: int = 0
    lossy: bool = False


def masks_of_images(layout: BMADLayout, split: Split, kind: AnomalyClass) -> dict[Path, Path]:
    """Return the mask of each image of a class that has one; they pair by name, as everywhere."""
    masks = {scan_name(m): m for m in layout.masks.get((split, kind), ()) + layout.masks.get((split, None), ())}
    names = {image: scan_name(image) for image in layout.images.get((split, kind), ())}
    return {image: masks[name] for image, name in names.items() if name in masks}


def read_mask_facts(path: Path, image: Path, split: Split, kind: AnomalyClass) -> MaskFacts:
    """Read a mask and say what it is like."""
    try:
        mask = read_stored_mask(path)
    except ImageReadError as error:
        return MaskFacts(path, image, split, kind, problem=str(error))
    stored = mask.stored
    colours = stored.pixels.reshape(-1, 1 if stored.pixels.ndim == 2 else 3)
    # one number per colour, because sorting numbers is far faster than sorting rows
    codes = colours.astype(np.float64) @ np.power(256.0, np.arange(colours.shape[1]))
    return MaskFacts(
        path,
        image,
        split,
        kind,
        size=(stored.pixels.shape[0], stored.pixels.shape[1]),
        lesion=int(mask.lesion.sum()),
        levels=len(np.unique(codes)),
        lossy=stored.lossy,
    )
