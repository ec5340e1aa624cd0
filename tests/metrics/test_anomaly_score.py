"""The score of a slice or a scan: its highest values, exactly."""

import math

import pytest
import torch

from monai_sar.metrics.anomaly_score import top_mean


def random_scores(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(1, 64, 64), (1, 20, 30, 17), (999,)])
@pytest.mark.parametrize("fraction", [0.001, 0.01, 0.3, 1.0])
def test_it_is_the_mean_of_the_sorted_values(shape: tuple[int, ...], fraction: float) -> None:
    scores = random_scores(*shape)
    count = max(1, round(fraction * scores.numel()))
    highest = sorted(scores.flatten().tolist(), reverse=True)[:count]
    assert top_mean(scores, fraction) == math.fsum(highest) / count


def test_the_orientation_of_a_volume_does_not_matter() -> None:
    scores = random_scores(1, 30, 40, 25)
    expected = top_mean(scores)
    assert top_mean(scores.permute(0, 3, 1, 2).flip(1)) == expected
    shuffled = scores.flatten()[torch.randperm(scores.numel(), generator=torch.Generator().manual_seed(1))]
    assert top_mean(shuffled) == expected


def test_only_the_foreground_counts() -> None:
    scores = random_scores(1, 50, 50)
    foreground = random_scores(1, 50, 50, seed=1) > 0
    assert top_mean(scores, foreground=foreground) == top_mean(scores[foreground])
    assert top_mean(scores, foreground=foreground.float()) == top_mean(scores[foreground])
    assert top_mean(scores, foreground=torch.ones_like(foreground)) == top_mean(scores)
    # what lies outside may be anything
    assert top_mean(scores.masked_fill(~foreground, math.nan), foreground=foreground) == top_mean(scores[foreground])


@pytest.mark.parametrize("size", [1, 2, 49, 149])
def test_at_least_one_value_counts_and_never_fewer_than_a_hundredth(size: int) -> None:
    scores = random_scores(size)
    assert top_mean(scores) == scores.max().item()


def test_equal_scores_count_one_by_one() -> None:
    scores = torch.zeros(1000)
    scores[:4] = 5
    assert top_mean(scores) == 2.0
    assert top_mean(torch.full((10, 10), 0.25)) == 0.25


def test_one_stray_pixel_does_not_decide_but_a_lesion_does() -> None:
    stray, lesion = torch.zeros(100, 100), torch.zeros(100, 100)
    stray[5, 5] = 10
    lesion[20:30, 20:30] = 1
    assert top_mean(lesion) > top_mean(stray)


def test_more_values_than_torch_quantile_takes() -> None:
    scores = torch.zeros(1, 260, 260, 260)  # 17.6 million
    count = round(0.01 * scores.numel())
    scores.flatten()[::100][:count] = 3.0
    assert top_mean(scores) == 3.0
    scores[0, -1, -1, -1] = 3.0 + count
    assert top_mean(scores) == 4.0


def test_the_map_is_left_as_it_was_and_may_need_gradients() -> None:
    scores = random_scores(40, 40).requires_grad_()
    before = scores.detach().clone()
    top_mean(scores)
    assert torch.equal(scores, before)
    assert top_mean(before.half()) == pytest.approx(top_mean(before), rel=1e-3)


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.1])
def test_a_fraction_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match=r"expected in \(0, 1\]"):
        top_mean(torch.zeros(3), fraction)


def test_what_cannot_be_averaged_is_told() -> None:
    with pytest.raises(ValueError, match="no score to average"):
        top_mean(torch.zeros(1, 4, 4), foreground=torch.zeros(1, 4, 4))
    with pytest.raises(ValueError, match=r"shape \(4, 4\), the scores have \(1, 4, 4\)"):
        top_mean(torch.zeros(1, 4, 4), foreground=torch.zeros(4, 4))
    for bad in (math.nan, math.inf):
        scores = torch.zeros(1000)
        scores[7] = bad
        with pytest.raises(ValueError, match="NaN or infinite"):
            top_mean(scores)
