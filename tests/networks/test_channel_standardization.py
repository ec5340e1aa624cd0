"""One pass over the features gives their mean and standard deviation."""

import pytest
import torch

from monai_sar.networks import ChannelStandardization


def test_training_features_get_zero_mean_and_unit_variance() -> None:
    torch.manual_seed(0)
    features = torch.randn(20, 6, 5, 7) * torch.tensor([1.0, 2, 3, 100, 0.01, 5]).view(1, 6, 1, 1) + 3
    standardized = ChannelStandardization(6).fit(features)(features)
    torch.testing.assert_close(standardized.mean((0, 2, 3)), torch.zeros(6), atol=1e-4, rtol=0)
    torch.testing.assert_close(standardized.std((0, 2, 3), correction=0), torch.ones(6), atol=1e-4, rtol=0)


def test_with_unit_length_the_direction_alone_counts() -> None:
    torch.manual_seed(0)
    features, lengths = torch.randn(20, 6, 5, 7) + 1, torch.rand(20, 1, 5, 7) + 0.5
    standardization = ChannelStandardization(6, unit_length=True).fit(features)
    standardized = standardization(features)
    torch.testing.assert_close(standardized.mean((0, 2, 3)), torch.zeros(6), atol=1e-4, rtol=0)
    torch.testing.assert_close(standardized.std((0, 2, 3), correction=0), torch.ones(6), atol=1e-4, rtol=0)
    torch.testing.assert_close(standardization(features * lengths), standardized, atol=1e-4, rtol=1e-4)
    other = ChannelStandardization(6, unit_length=True).fit(features * lengths)
    torch.testing.assert_close(other.std, standardization.std)


def test_it_is_the_identity_until_it_is_fitted() -> None:
    features = torch.randn(2, 3, 4, 4)
    assert torch.equal(ChannelStandardization(3)(features), features)


def test_a_constant_channel_is_centred_not_divided_by_zero() -> None:
    features = torch.full((3, 1, 4, 4), 7.0)
    assert torch.equal(ChannelStandardization(1).fit(features)(features), torch.zeros_like(features))


@pytest.mark.parametrize("features", [[], [torch.full((3, 2, 2), torch.nan)]])
def test_nothing_to_fit_is_an_error(features: list[torch.Tensor]) -> None:
    with pytest.raises(ValueError, match="no training features, or some are not finite"):
        ChannelStandardization(3).fit(features)
