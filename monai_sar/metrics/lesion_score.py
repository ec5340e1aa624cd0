"""The lesions of a scan, and up to which threshold each is found."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

__all__ = ["FOUND_SHARE", "Lesion", "find_lesions", "label_lesions"]

FOUND_SHARE = 0.1
"""A lesion counts as found if at least this share of its pixels is flagged."""


@dataclass(frozen=True)
class Lesion:
    """A connected component of a mask.

    Attributes:
        voxels: how many it has; of a single slice these are pixels.
        score: it is found at every threshold below this one; minus infinity if too little of it is in the region.
    """

    voxels: int
    score: float


def label_lesions(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """1, 2, … in the lesions of a mask ``[H, W]`` or ``[H, W, D]``, 0 elsewhere.

    Pixels touch at sides and corners, as for :class:`monai_sar.metrics.PixelAUPRO`.
    """
    lesions = np.zeros(mask.shape, np.int32)  # takes memory where it is written, around the lesions
    for box in ndimage.find_objects(mask.view(np.uint8)):  # one box, of all lesions, or none
        lesions[box] = ndimage.label(mask[box], structure=np.ones((3,) * mask.ndim))[0]
    return lesions


def find_lesions(
    score: npt.NDArray[np.floating], lesions: npt.NDArray[np.integer], region: npt.NDArray[np.bool_]
) -> tuple[Lesion, ...]:
    """Tell how large each lesion is and up to which threshold it is found.

    A pixel is flagged if it is in the region and scores more than the threshold. A lesion of n pixels is found if at
    least ``ceil(0.1 n)`` of them are flagged, so one that touches a false alarm with its edge alone is not.

    Args:
        score: ``[H, W]`` or ``[H, W, D]``, high is anomalous.
        lesions: the same shape, see :func:`label_lesions`.
        region: the same shape: where scores count.

    Example:
        >>> import numpy as np
        >>> score = np.array([[0.1, 0.2, 0.9, 0.3]])
        >>> find_lesions(score, label_lesions(score > 0.15), np.ones((1, 4), bool))
        (Lesion(voxels=3, score=0.9),)
    """
    found = []
    for number, box in enumerate(ndimage.find_objects(lesions), start=1):
        own = lesions[box] == number
        voxels = int(own.sum())
        inside = score[box][own & region[box]]
        needed = math.ceil(round(FOUND_SHARE * voxels, 6))  # 0.1 * 30 is a little more than 3
        reached = np.partition(inside, inside.size - needed)[-needed] if inside.size >= needed else -math.inf
        found.append(Lesion(voxels, float(reached)))
    return tuple(found)
