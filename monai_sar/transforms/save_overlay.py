"""A picture of every anomaly map, for those who look before they read."""

import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from torch import Tensor

from monai_sar.transforms.save_volume import scan_stem
from monai_sar.writers.overlay import write_overlay

__all__ = ["SaveOverlayd"]


class SaveOverlayd(MapTransform):
    """Write ``<scan>_overlay.png`` and pass the item on as it is; see :func:`monai_sar.writers.write_overlay`.

    Use it while image and map are still in display orientation (``PLS``: rows to posterior, columns to left, slices
    to superior), before the inverse transforms.

    Args:
        keys: of the anomaly maps ``[1, H, W, D]``.
        image_key: of the scan, a ``MetaTensor`` that knows its spacing and its file.
        lesion_key: of the outline of the lesions, if an item has one.
        output_dir: folder of the pictures.
    """

    def __init__(
        self, keys: KeysCollection, *, image_key: str, lesion_key: str, output_dir: str | os.PathLike[str]
    ) -> None:
        super().__init__(keys)
        self.image_key = image_key
        self.lesion_key = lesion_key
        self.output_dir = Path(output_dir)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Write the pictures of one item."""
        image: MetaTensor = data[self.image_key]
        lesion: Tensor | None = data.get(self.lesion_key)
        rows, columns, slices = (float(mm) for mm in image.pixdim)
        for key in self.key_iterator(dict(data)):
            write_overlay(
                self.output_dir / f"{scan_stem(image)}_overlay.png",
                image[0].cpu().numpy(),
                data[key][0].cpu().numpy(),
                spacing=(rows, columns, slices),
                lesion=None if lesion is None else lesion[0].cpu().numpy() > 0,
            )
        return dict(data)
