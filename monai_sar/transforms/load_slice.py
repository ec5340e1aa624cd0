"""Load one slice stored as PNG, JPEG, TIFF or BMP as a tensor."""

import os
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config.type_definitions import KeysCollection
from monai.data.meta_tensor import MetaTensor
from monai.transforms.transform import MapTransform, Transform
from monai.utils.module import look_up_option

from monai_sar.scans.stored_image import grey_values, read_stored_image

__all__ = ["LoadSlice", "LoadSliced"]

COLORS = ("intensity", "as_stored")


class LoadSlice(Transform):
    """Load one slice as a tensor of the values that are stored in the file, rows first and not scaled.

    Args:
        color: ``"intensity"`` (default) gives one channel. Grey is taken as it is; RGB with R = G = B too; an
            image coloured with the "bone" map (BMAD's brain slices) gives the intensities 0..255 that were
            coloured, exactly. Any other colour is an error: no weighting of the channels is right for every
            modality, and a coloured mark burnt into a grey image would be found as an anomaly.
            ``"as_stored"`` gives three channels, RGB as stored, grey repeated (the reading of the AR paper).

    The result is a float32 ``MetaTensor`` ``[1, H, W]`` or ``[3, H, W]``; 8-bit files give 0..255, 16-bit
    files 0..65535. ``meta["filename_or_obj"]`` is the path, ``meta["stored_max"]`` the largest value that the
    file's type can store, to scale by. The affine is the identity: such files have no geometry.

    Raises:
        ValueError: ``color`` is unknown.
        ImageReadError: when called, see :func:`read_stored_image`, or a coloured image is read as intensity.

    Example:
        >>> image = LoadSlice()("train/good/00003_75.png")  # doctest: +SKIP
        >>> scaled = image / image.meta["stored_max"]  # doctest: +SKIP
    """

    def __init__(self, color: str = "intensity") -> None:
        self.color = look_up_option(color, COLORS)

    def __call__(self, path: str | os.PathLike[str]) -> MetaTensor:
        """Return the slice stored in the file ``path``."""
        stored = read_stored_image(path)
        if self.color == "intensity":
            channels = grey_values(stored)[np.newaxis]
        elif stored.pixels.ndim == 2:
            channels = np.repeat(stored.pixels[np.newaxis], 3, axis=0)
        else:
            channels = np.moveaxis(stored.pixels, -1, 0)
        values = torch.from_numpy(np.array(channels, dtype=np.float32, order="C"))
        return MetaTensor(values, meta={"filename_or_obj": stored.path, "stored_max": stored.stored_max})


class LoadSliced(MapTransform):
    """Dictionary version of :class:`LoadSlice`.

    Args:
        keys: keys whose path is replaced by the slice.
        color: ``"intensity"`` or ``"as_stored"``, see :class:`LoadSlice`.
        allow_missing_keys: whether a key may be absent.
    """

    def __init__(self, keys: KeysCollection, *, color: str = "intensity", allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.loader = LoadSlice(color)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a copy of ``data`` with the slices in place of their paths."""
        loaded = dict(data)
        for key in self.key_iterator(loaded):
            loaded[key] = self.loader(loaded[key])
        return loaded
