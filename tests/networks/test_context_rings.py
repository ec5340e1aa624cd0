"""Rings of context are one sparse convolution."""

import torch
import torch.nn.functional as F

from monai_sar.networks.context_rings import ContextRings


def test_rings_are_one_convolution_with_a_hole() -> None:
    torch.manual_seed(0)
    rings = ContextRings(2, 4, 6, 3, distances=(2, 3))
    kernel, bias = torch.zeros(6, 4, 7, 7), torch.zeros(6)
    for ring, distance in zip(rings.rings, (2, 3), strict=True):
        taps = slice(3 - distance, 4 + distance, distance)
        state = {name: values.clone() for name, values in ring.state_dict().items()}
        state["weight"][:, :, 1, 1] = 0
        kernel[:, :, taps, taps] += state["weight"]
        bias += state["bias"]
    features = torch.randn(2, 4, 9, 11)
    torch.testing.assert_close(rings(features), F.conv2d(features, kernel, bias, padding=3))
