"""Input and target of the AR network."""

import torch
from torch import nn

from monai_sar.engines import PrepareFeatures
from monai_sar.networks import ChannelStandardization


def test_input_and_target_are_the_standardised_features() -> None:
    features = torch.randn(4, 3, 5, 5) * 7 + 2
    scaling = ChannelStandardization(3).fit(features)
    source, target = PrepareFeatures(scaling)({"features": features}, torch.device("cpu"))
    assert torch.equal(source, scaling(features))
    assert torch.equal(target, scaling(features))


def test_only_the_input_is_augmented() -> None:
    features = torch.randn(4, 3, 5, 5)
    source, target = PrepareFeatures(nn.Identity(), augment=lambda x: x + 1)({"features": features}, "cpu")
    assert torch.equal(source, features + 1)
    assert torch.equal(target, features)
