"""Whitened channels of normal features are uncorrelated, whatever their scales were."""

import pytest
import torch
from torch import Tensor

from monai_sar.networks import ChannelWhitening
from monai_sar.networks.channel_whitening import SHRINKAGE


def mixed_features(scales: Tensor | None = None) -> Tensor:
    """Correlated channels ``[200, 6, 5, 7]``."""
    generator = torch.Generator().manual_seed(0)
    mixing = torch.eye(6) + 0.4 * torch.rand(6, 6, generator=generator)
    features = torch.einsum("cd,ndhw->nchw", mixing, torch.randn(200, 6, 5, 7, generator=generator)) + 3
    return features if scales is None else features * scales.view(1, 6, 1, 1)


def covariance(features: Tensor) -> Tensor:
    return torch.cov(features.transpose(0, 1).flatten(1), correction=0)


def test_training_features_become_uncorrelated() -> None:
    features = mixed_features()
    white = ChannelWhitening(6).fit(features)(features)
    torch.testing.assert_close(white.mean((0, 2, 3)), torch.zeros(6), atol=1e-4, rtol=0)
    off_diagonal = covariance(features).fill_diagonal_(0).abs().max()
    assert covariance(white).fill_diagonal_(0).abs().max() < 10 * SHRINKAGE < off_diagonal
    torch.testing.assert_close(covariance(white).diagonal(), torch.ones(6), atol=10 * SHRINKAGE, rtol=0)


def test_the_scales_of_channels_do_not_matter() -> None:
    scales = torch.tensor([1.0, 2, 3, 100, 0.01, 5])
    plain, scaled = mixed_features(), mixed_features(scales)
    torch.testing.assert_close(
        ChannelWhitening(6).fit(scaled)(scaled), ChannelWhitening(6).fit(plain)(plain), atol=1e-3, rtol=1e-3
    )


def test_the_squared_length_is_the_mahalanobis_distance() -> None:
    features = mixed_features()
    whitening = ChannelWhitening(6).fit(features)
    std = covariance(features).diagonal().sqrt()
    correlation = (1 - SHRINKAGE) * covariance(features) / std.outer(std) + SHRINKAGE * torch.eye(6)
    difference = (features[:1] - features.mean((0, 2, 3), keepdim=True)).flatten(2)[0]
    expected = (difference * torch.linalg.solve(correlation * std.outer(std), difference)).sum(0)
    torch.testing.assert_close(whitening(features[:1]).square().sum(1).flatten(), expected, atol=1e-3, rtol=1e-3)


def test_it_is_the_identity_until_it_is_fitted() -> None:
    features = torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(ChannelWhitening(3)(features), features)


def test_constant_and_doubled_channels_give_finite_values() -> None:
    features = mixed_features()
    features[:, 0], features[:, 1] = 7.0, features[:, 2]
    white = ChannelWhitening(6).fit(features)(features)
    assert bool(torch.isfinite(white).all())
    torch.testing.assert_close(white[:, 0], torch.zeros_like(white[:, 0]), atol=1e-4, rtol=0)


def test_mixed_precision_does_not_touch_it() -> None:
    features = mixed_features()
    whitening = ChannelWhitening(6).fit(features)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(whitening(features), whitening(features).float())
        rounded = whitening(features)
    assert torch.equal(rounded, whitening(features))


@pytest.mark.parametrize("features", [[], [torch.full((3, 2, 2), torch.nan)]])
def test_nothing_to_fit_is_an_error(features: list[Tensor]) -> None:
    with pytest.raises(ValueError, match="no training features, or some are not finite"):
        ChannelWhitening(3).fit(features)
