"""The Gaussian that rivals put over their maps."""

import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

__all__ = ["smooth_map"]


def smooth_map(anomaly_map: Tensor, sigma: float) -> Tensor:
    """Smooth maps ``[B, 1, H, W]``, float32.

    Args:
        anomaly_map: upsampled to the pixels of the image.
        sigma: standard deviation in pixels of a Gaussian, cut off at four of them, as the published codes of
            AnomalyDINO and PatchCore smooth; at its border the map is mirrored.
    """
    return torch.from_numpy(gaussian_filter(anomaly_map.numpy(), sigma=(0, 0, sigma, sigma)))
