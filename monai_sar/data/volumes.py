"""NIfTI volumes in a folder -> a list of dictionaries."""

import os
from pathlib import Path
from typing import NotRequired, TypedDict

__all__ = ["VolumeItem", "load_volume_datalist"]


class VolumeItem(TypedDict):
    """One volume and, where it is known, the volume that outlines its lesions."""

    image: str
    lesion: NotRequired[str]


def load_volume_datalist(path: str | os.PathLike[str], *, image_suffix: str, lesion_suffix: str) -> list[VolumeItem]:
    """List the NIfTI volumes of a folder, or one volume, each with the file that outlines its lesions if there is one.

    Args:
        path: a NIfTI file, or a folder that is searched with its sub-folders.
        image_suffix: end of the names of images in a folder, such as ``_flair.nii.gz``; ``.nii.gz`` takes all
            that are not outlines.
        lesion_suffix: what replaces ``image_suffix`` in the names of the outlines, such as ``_seg.nii.gz``.

    Raises:
        ValueError: there is nothing at ``path``, or no volume in it.
    """
    path = Path(path)
    if path.is_file():
        images = [path]
    else:
        found = sorted(path.rglob(f"*{image_suffix}"))
        images = [image for image in found if image_suffix == lesion_suffix or not image.name.endswith(lesion_suffix)]
    if not images:
        found_instead = "nothing" if not path.exists() else f"{sum(1 for _ in path.rglob('*'))} other files"
        raise ValueError(
            f"No volume to predict at '{path}': expected a NIfTI file or a folder of files '*{image_suffix}', "
            f"found {found_instead}."
        )
    items: list[VolumeItem] = []
    for image in images:
        lesion = image.with_name(image.name.removesuffix(image_suffix) + lesion_suffix)
        item: VolumeItem = {"image": str(image)}
        if lesion.is_file() and lesion != image:
            item["lesion"] = str(lesion)
        items.append(item)
    return items
