from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from benchmarks.rivals.stick_breaking_mixture import StickBreakingMixture


def two_clusters(count: int = 2000) -> Tensor:
    """Three rows of ten around (-1, 0), seven around (1, 0); standard deviations 0.1 and 0.2."""
    generator = torch.Generator().manual_seed(0)
    right = torch.arange(count) % 10 >= 3
    rows = torch.randn(count, 2, generator=generator) * torch.where(right, 0.2, 0.1)[:, None]
    return rows + torch.stack([torch.where(right, 1.0, -1.0), torch.zeros(count)], dim=1)


def mixture(components: int, *, rate: float = 1.0) -> StickBreakingMixture:
    means = two_clusters()[torch.arange(components)]
    generator = torch.Generator().manual_seed(0)
    return StickBreakingMixture(means, torch.ones(2), rate=rate, concentration=2.0, generator=generator)


def test_the_densities_are_those_of_weighted_gaussians() -> None:
    fitted = mixture(7)
    fitted.step(two_clusters())
    gaussians = Independent(Normal(fitted.means, fitted.variances.sqrt()), 1)
    expected = fitted.log_weights() + gaussians.log_prob(two_clusters()[:, None])
    assert torch.allclose(fitted.log_joint(two_clusters()), expected, rtol=1e-4, atol=1e-3)


def test_weights_are_parts_of_one_stick() -> None:
    fitted = mixture(7)
    assert fitted.log_weights().exp().sum().item() == pytest.approx(1, abs=1e-5)
    for _ in range(10):
        fitted.step(two_clusters())
        assert fitted.log_weights().exp().sum().item() == pytest.approx(1, abs=0.01)


def test_steps_on_all_rows_make_them_likelier() -> None:
    fitted = mixture(7)
    likelihoods = []
    for _ in range(20):
        likelihoods.append(fitted.log_joint(two_clusters()).logsumexp(1).mean().item())
        fitted.step(two_clusters())
    assert all(later > earlier - 0.01 for earlier, later in pairwise(likelihoods))
    assert likelihoods[-1] > likelihoods[0] + 1


@pytest.mark.parametrize("rate", [1.0, 0.2])
def test_two_clusters_are_found_with_their_weights_and_spreads(rate: float) -> None:
    generator = torch.Generator().manual_seed(1)
    means = torch.tensor([[-0.5, 0.3], [0.5, -0.3]])
    fitted = StickBreakingMixture(means, torch.ones(2), rate=rate, concentration=2.0, generator=generator)
    for rows in torch.split(two_clusters(), 100) * 3:
        fitted.step(rows)
    order = fitted.means[:, 0].argsort()
    assert torch.allclose(fitted.means[order], torch.tensor([[-1.0, 0.0], [1.0, 0.0]]), atol=0.1)
    assert torch.allclose(fitted.log_weights().exp()[order], torch.tensor([0.3, 0.7]), atol=0.03)
    assert torch.allclose(fitted.variances.sqrt().mean(1)[order], torch.tensor([0.1, 0.2]), atol=0.03)


def test_nothing_breaks_where_components_stay_without_rows() -> None:
    fitted = mixture(200, rate=0.2)
    for _ in range(300):
        fitted.step(torch.zeros(50, 2))
    assert torch.isfinite(fitted.means).all()
    assert not fitted.log_weights().isnan().any()
    assert not fitted.log_joint(two_clusters()).isnan().any()
    assert fitted.concentration > 0
