"""Scores are averaged over neighbouring patches, and nothing is lost at the edges."""

import pytest
import torch
from scipy.ndimage import gaussian_filter

from monai_sar.networks import ScoreSmoothing


@pytest.mark.parametrize("sigma", [0.5, 0.7, 1.5])
@pytest.mark.parametrize("size", [(28, 28), (1, 7), (3, 50)])
def test_it_is_the_gaussian_filter(sigma: float, size: tuple[int, int]) -> None:
    score = torch.rand(2, 1, *size)
    # scipy rounds the radius where MONAI takes what is below three standard deviations and one
    radius = (len(ScoreSmoothing(sigma).kernel) - 1) // 2
    expected = [gaussian_filter(one[0].numpy(), sigma, mode="nearest", radius=radius) for one in score]
    torch.testing.assert_close(ScoreSmoothing(sigma)(score)[:, 0], torch.stack(list(map(torch.as_tensor, expected))))


def test_equal_scores_stay_equal_up_to_the_edges() -> None:
    score = torch.full((1, 1, 5, 4), 3.0)
    torch.testing.assert_close(ScoreSmoothing(1.5)(score), score)


def test_without_a_sigma_scores_stay_as_they_are() -> None:
    score = torch.rand(1, 1, 5, 4)
    assert torch.equal(ScoreSmoothing(0)(score), score)


def test_the_kernel_is_no_part_of_a_checkpoint() -> None:
    assert not ScoreSmoothing(1.0).state_dict()


def test_a_negative_sigma_is_an_error() -> None:
    with pytest.raises(ValueError, match="expected 0"):
        ScoreSmoothing(-1)
