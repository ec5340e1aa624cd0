"""Rarity ranks as scores do, and counts how many normal patches are above."""

import math

import pytest
import torch
from torch import Tensor

from monai_sar.networks import Rarity


def normal_scores(count: int = 50_000, seed: int = 0) -> Tensor:
    return torch.randn(count, generator=torch.Generator().manual_seed(seed)).exp()


def test_bits_are_the_share_of_normal_patches_above() -> None:
    scores = normal_scores()
    rarity = Rarity().fit(scores)
    others = normal_scores(seed=1)
    for bits in range(1, 11):
        share = float((rarity(others) > bits).float().mean())
        assert share == pytest.approx(2.0**-bits, rel=5 * math.sqrt(2**bits / 50_000) + 0.02)


def test_a_higher_score_is_never_less_rare() -> None:
    rarity = Rarity().fit(normal_scores())
    scores = torch.linspace(-1, 200, 5000)
    bits = rarity(scores)
    assert bool((bits.diff() >= 0).all())
    assert float(bits[0]) == 0
    beyond = scores > float(normal_scores().max())
    assert bool((bits[beyond].diff() > 0).all())  # also above all normal patches
    assert float(bits[-1]) > 12


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_the_unit_of_scores_does_not_matter(factor: float) -> None:
    scores, others = normal_scores(), normal_scores(1000, seed=2)
    bits = Rarity().fit(scores)(others)
    torch.testing.assert_close(Rarity().fit(scores * factor)(others * factor), bits, atol=1e-3, rtol=1e-3)


def test_what_many_share_is_not_rare() -> None:
    """A third of all patches is as bright as can be."""
    scores = torch.cat([torch.linspace(0, 0.9, 2000), torch.ones(1000)])
    rarity = Rarity().fit(scores)
    assert float(rarity(torch.tensor(1.0))) <= 2
    assert float(rarity(torch.tensor(1.1))) > float(rarity(torch.tensor(1.0)))


def test_few_patches_tell_few_bits_apart() -> None:
    assert Rarity().fit(torch.arange(18.0)).points[-1][1] == 1
    assert Rarity().fit(torch.arange(1000.0)).points[-1][1] == 6
    assert Rarity().fit(normal_scores()).points[-1][1] == 12


def test_what_is_learnt_can_be_kept() -> None:
    rarity, again = Rarity().fit(normal_scores()), Rarity()
    again.load_points([list(point) for point in rarity.points])
    others = normal_scores(1000, seed=2)
    assert torch.equal(again(others), rarity(others))


@pytest.mark.parametrize(
    "saved",
    [
        None,
        [],
        [[0, 0]],
        [[0, 0], [0, 1]],
        [[0, 0], [1, 0]],
        [[0, 1], [1, 2]],
        [[0, 0], [float("nan"), 1]],
        [[0, 0], [1, float("inf")]],
        [["a", 0], [1, 1]],
        [["0", 0], [1, 1]],
        [[0, 0], [True, 1]],
        [[0, 0], [1e300, 1]],
        [[0, 0], [1, 1e300]],
        [[1, 0], [1 + 1e-12, 5]],
        [[0, 0], [1, 13]],
        [[n, n] for n in range(50)],
        {"a": 1},
    ],
)
def test_what_is_no_rarity_is_refused(saved: object) -> None:
    with pytest.raises(ValueError, match="arity"):
        Rarity().load_points(saved)


@pytest.mark.parametrize(
    "scores", [torch.zeros(0), torch.ones(1), torch.ones(100), torch.tensor([1.0, float("nan"), 2])]
)
def test_nothing_can_be_learnt_from_nothing(scores: Tensor) -> None:
    with pytest.raises(ValueError, match="scores of normal patches"):
        Rarity().fit(scores)


def test_before_normal_patches_are_seen_nothing_is_rare() -> None:
    with pytest.raises(RuntimeError, match="fit\\(\\) first"):
        Rarity()(torch.ones(1))
