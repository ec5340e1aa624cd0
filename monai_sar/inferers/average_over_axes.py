"""One map from slices in several planes."""

from collections.abc import Callable, Sequence

import torch
from monai.data.meta_tensor import MetaTensor
from torch import Tensor

from monai_sar.inferers.volume_inferer import VolumeInferer
from monai_sar.scans.plain_tensor import plain_tensor
from monai_sar.transforms.orient_slices import OrientSlices

__all__ = ["average_over_axes"]


def average_over_axes(
    image: MetaTensor,
    network: Callable[..., Tensor],
    inferer: VolumeInferer,
    *,
    axes: Sequence[str] = ("axial", "coronal", "sagittal"),
) -> MetaTensor:
    """Map the anomalies of a volume once along every axis, and average in the scan's own grid.

    A lesion that looks ordinary in one plane may not in another. Use it only with a network that was trained on
    slices of all these planes, and on scans of (nearly) cubic voxels: to a network that knows axial slices every
    sagittal one is an anomaly, and so is one that is squeezed by slices far apart.

    All of every slice is mapped: a field of view belongs to one plane.

    Voxels of a slice that was left out as empty (see :class:`VolumeInferer`) enter with 0 for that axis.

    Args:
        image: ``[1, X, Y, Z]``, intensities in [0, 1], in any orientation, on the network's device.
        network: ``[B, 1, H, W] -> [B, 1, H, W]``.
        inferer: runs the network on the slices of each axis.
        axes: see :class:`monai_sar.transforms.OrientSlices`.

    Returns:
        ``[1, X, Y, Z]``, float32, on the CPU, in the grid of ``image``.

    Raises:
        ValueError: no axes, or as the inferer and the orientation raise.
    """
    if not axes:
        raise ValueError('No axes to average over; name at least one, e.g. axes=("axial",).')
    total = torch.zeros(image.shape, dtype=torch.float32)
    for axis in axes:
        orient = OrientSlices(axis)
        slices = orient(image)
        scores = plain_tensor(inferer(slices[None], network)[0])
        total += orient.inverse(_with_meta(scores, slices)).as_tensor()
    return _with_meta(total / len(axes), image)


def _with_meta(values: Tensor, image: MetaTensor) -> MetaTensor:
    return MetaTensor(values, meta=dict(image.meta), applied_operations=list(image.applied_operations))
