"""The noise of the paper."""

import pytest
import torch

from monai_sar.transforms import RandFeatureNoise


def test_the_noise_follows_the_spread_of_each_channel() -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 3, 200, 200) * torch.tensor([1.0, 10.0, 0.1]).view(1, 3, 1, 1)
    noise = RandFeatureNoise(prob=1.0, scale=0.03)(features) - features
    ratio = noise.std(dim=(-2, -1)) / features.std(dim=(-2, -1))
    torch.testing.assert_close(ratio, torch.full((2, 3), 0.03), atol=1e-3, rtol=0)


def test_it_comes_with_its_probability_and_never_touches_its_input() -> None:
    torch.manual_seed(0)
    features = torch.randn(1, 2, 3, 3)
    kept = features.clone()
    augment = RandFeatureNoise(prob=0.2)
    changed = sum(not torch.equal(augment(features), features) for _ in range(1000))
    assert 150 < changed < 250  # 200 +- 4 standard deviations
    assert torch.equal(features, kept)
    assert torch.equal(RandFeatureNoise(prob=0.0)(features), features)


def test_it_follows_torchs_generator_alone() -> None:
    features = torch.randn(1, 2, 3, 3)
    results = []
    for _ in range(2):
        torch.manual_seed(3)
        results.append(torch.cat([RandFeatureNoise(prob=0.5)(features) for _ in range(5)]))
    assert torch.equal(*results)


@pytest.mark.parametrize(("prob", "scale"), [(-0.1, 1), (1.1, 1), (0.5, -1)])
def test_settings_out_of_range_are_refused(prob: float, scale: float) -> None:
    with pytest.raises(ValueError, match="Expected prob"):
        RandFeatureNoise(prob, scale)
