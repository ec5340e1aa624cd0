import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.rivals import PatchCore
from tests.benchmarks.rivals.embeddings import clustered, directions

TRAIN, TEST = (clustered(directions(), images=images, seed=images) for images in (8, 3))


def pooled(features: Tensor) -> Tensor:
    """Means over 3 x 3 patches with zeros around, ``[B, h, w, C]``."""
    padded = F.pad(features, (1, 1, 1, 1))
    height, width = features.shape[2:]
    shifted = [padded[:, :, y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return torch.stack(shifted).mean(0).movedim(1, -1)


def fitted(**options: float) -> PatchCore:
    rival = PatchCore(**options)  # type: ignore[arg-type]
    rival.fit(TRAIN)
    return rival


def test_with_all_patches_kept_those_of_training_score_0() -> None:
    rival = fitted(kept=1.0)
    assert len(rival.bank) == 8 * 6 * 7
    assert rival.score(TRAIN).amax() == 0
    assert rival.score(TEST).amin() > 0


def test_a_patch_scores_its_distance_to_the_nearest_kept_neighbourhood() -> None:
    rival = fitted()
    assert len(rival.bank) == 33  # a tenth of 336
    expected = torch.linalg.vector_norm(pooled(TEST)[..., None, :] - rival.bank, dim=-1).amin(-1)
    assert torch.allclose(rival.score(TEST)[:, 0], expected, atol=1e-6)


def test_kept_rows_are_neighbourhoods_of_training_patches() -> None:
    distances = torch.cdist(fitted().bank, pooled(TRAIN).flatten(0, 2), compute_mode="donot_use_mm_for_euclid_dist")
    assert distances.amin(1).amax() < 1e-6


def test_candidates_are_capped() -> None:
    assert len(fitted(candidates=100, kept=0.25).bank) == 25


def test_another_seed_keeps_others() -> None:
    assert not torch.equal(fitted(seed=0).bank, fitted(seed=1).bank)


@pytest.mark.parametrize("neighbours", [1, 3, 9, 1000])
def test_the_highest_score_is_weighted_by_the_rows_around_the_nearest(neighbours: int) -> None:
    rival = fitted(neighbours=neighbours)
    scores = rival.score(TEST)
    expected = []
    for image, score in zip(pooled(TEST), scores, strict=True):
        patch = image.flatten(0, 1)[score.argmax()]
        nearest = rival.bank[(rival.bank - patch).norm(dim=1).argmin()]
        around = (rival.bank - nearest).norm(dim=1).argsort()[:neighbours]
        exponentials = (rival.bank[around] - patch).norm(dim=1).exp()
        expected.append((1 - exponentials[0] / exponentials.sum()) * score.amax())
    assert torch.allclose(rival.image_score(TEST, scores), torch.stack(expected), atol=1e-6)
