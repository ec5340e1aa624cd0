"""Cut the liver out of a CT volume, in a window of Hounsfield units."""

import numpy as np
import torch
from monai.transforms import HistogramNormalize, ScaleIntensityRange
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["cut_out_liver"]


def cut_out_liver(
    volume: torch.Tensor, liver: NDArray[np.bool_], *, window: tuple[float, float], equalize: bool
) -> NDArray[np.float32]:
    """Scale the window to [0, 1], clip, equalize if asked, and set what is not liver to 0.

    The histogram is that of the liver alone, over all slices that are given, so that a slice is as bright as its
    neighbours.

    Args:
        volume: ``[1, rows, columns, slices]``, in HU.
        liver: ``[rows, columns, slices]``, True in the liver (with its tumours); not empty.
        window: the HU that become 0 and 1.
        equalize: whether equal shares of the liver get equal ranges of brightness (256 bins), as in BMAD.

    Returns:
        ``[rows, columns, slices]``, in [0, 1].
    """
    low, high = window
    box = ndimage.find_objects(liver.view(np.uint8))[0]  # nothing outside counts, and the liver is small
    scaled = ScaleIntensityRange(a_min=low, a_max=high, b_min=0.0, b_max=1.0, clip=True)(volume[:, *box])
    if equalize:
        scaled = HistogramNormalize(num_bins=256, min=0, max=1)(scaled, liver[np.newaxis, *box])
    values = np.zeros(liver.shape, dtype=np.float32)
    values[box] = scaled[0].numpy() * liver[box]
    return values
