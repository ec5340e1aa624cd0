import pytest
import torch

from benchmarks.rivals import AnomalyDINO
from tests.benchmarks.rivals.embeddings import clustered, directions


def test_patches_of_training_score_0_and_others_do_not() -> None:
    train, test = (clustered(directions(), images=4, seed=seed) for seed in (0, 1))
    rival = AnomalyDINO()
    rival.fit(train)
    assert rival.score(train).amin() >= 0
    assert rival.score(train).amax() < 1e-6
    assert rival.score(test).amin() > 1e-6


@pytest.mark.parametrize(("grid", "highest"), [((28, 28), 7), ((20, 20), 4), ((9, 9), 1), ((10, 20), 2)])
def test_an_image_scores_the_mean_of_its_highest_hundredth(grid: tuple[int, int], highest: int) -> None:
    scores = torch.rand(3, 1, *grid, generator=torch.Generator().manual_seed(0))
    expected = scores.flatten(1).sort(descending=True).values[:, :highest].mean(1)
    assert torch.allclose(AnomalyDINO().image_score(torch.empty(0), scores), expected)
