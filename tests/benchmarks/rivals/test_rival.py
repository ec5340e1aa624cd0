from collections.abc import Callable

import pytest
import torch

from benchmarks.rivals import DPMM, AnomalyDINO, PatchCore, Rival
from benchmarks.rivals.single_gaussian import SingleGaussian
from tests.benchmarks.rivals.embeddings import clustered, directions

RIVALS: dict[str, Callable[[int], Rival]] = {
    "AnomalyDINO": lambda seed: AnomalyDINO(),
    "PatchCore": lambda seed: PatchCore(candidates=300, seed=seed),
    "DPMM": lambda seed: DPMM(components=20, passes=3, seed=seed),
    "one Gaussian": lambda seed: SingleGaussian(),
}
TRAIN, TEST = (clustered(directions(), images=images, seed=images) for images in (12, 4))


@pytest.fixture(params=RIVALS)
def make(request: pytest.FixtureRequest) -> Callable[[int], Rival]:
    return RIVALS[request.param]


@pytest.fixture
def fitted(make: Callable[[int], Rival]) -> Rival:
    rival = make(0)
    rival.fit(TRAIN)
    return rival


def test_a_batch_scores_as_its_images_one_by_one(fitted: Rival) -> None:
    scores = fitted.score(TEST)
    assert scores.shape == (4, 1, 6, 7)
    assert scores.dtype == torch.float32
    alone = torch.cat([fitted.score(image) for image in torch.split(TEST, 1)])
    assert torch.allclose(scores, alone, atol=1e-6)
    of_images = torch.cat(
        [fitted.image_score(*pair) for pair in zip(torch.split(TEST, 1), torch.split(scores, 1), strict=True)]
    )
    assert torch.allclose(fitted.image_score(TEST, scores), of_images, atol=1e-6)


def test_patches_unlike_all_training_score_highest_and_lift_their_image(fitted: Rival) -> None:
    abnormal = TEST.clone()
    lesion = torch.zeros(4, 1, 6, 7, dtype=torch.bool)
    lesion[2, 0, 2:5, 3:6] = True
    abnormal[2, :, 2:5, 3:6] = 2 * directions(6, seed=1)[5].view(-1, 1, 1)
    scores = fitted.score(abnormal)
    assert lesion.flatten()[scores.argmax()]
    of_images = fitted.image_score(abnormal, scores)
    assert of_images.argmax() == 2
    assert of_images[2] > fitted.image_score(TEST, fitted.score(TEST))[2]


def test_the_same_seed_learns_the_same(make: Callable[[int], Rival], fitted: Rival) -> None:
    torch.manual_seed(99)  # the global generator must not matter
    again = make(0)
    again.fit(TRAIN)
    assert torch.equal(again.bank, fitted.bank)


def test_what_was_learned_before_is_forgotten(fitted: Rival) -> None:
    once = fitted.bank
    fitted.fit(TRAIN + 1)
    fitted.fit(TRAIN)
    assert torch.equal(fitted.bank, once)


def test_float16_is_taken_as_it_is_and_left_alone(make: Callable[[int], Rival]) -> None:
    half = TRAIN.half()
    rivals = make(0), make(0)
    for rival, features in zip(rivals, (half, half.float()), strict=True):
        rival.fit(features)
    assert torch.equal(half, TRAIN.half())
    assert torch.equal(rivals[0].bank, rivals[1].bank)
    assert rivals[0].bank.dtype == torch.float32
    assert torch.equal(rivals[0].score(TEST.half()), rivals[1].score(TEST.half().float()))


def test_kept_are_all_patches_a_tenth_of_them_or_some_means() -> None:
    kept = {}
    for name, make in RIVALS.items():
        rival = make(0)
        rival.fit(TRAIN)
        kept[name] = rival.kept_bytes / (4 * TRAIN.shape[1])
    assert kept["AnomalyDINO"] == 12 * 6 * 7
    assert kept["PatchCore"] == 30
    assert 1 <= kept["DPMM"] <= 20
