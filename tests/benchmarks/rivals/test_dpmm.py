import torch

from benchmarks.rivals import DPMM
from tests.benchmarks.rivals.embeddings import clustered, directions

TRAIN = clustered(directions(), images=40)


def fitted(seed: int = 0) -> DPMM:
    rival = DPMM(components=40, passes=20, seed=seed)
    rival.fit(TRAIN)
    return rival


def test_well_separated_directions_are_found() -> None:
    rival = fitted()
    cosines = directions() @ rival.bank.T
    assert cosines.amax(1).amin() > 0.995  # a mean near every direction
    assert rival.score(TRAIN).mean() < 0.01
    other = directions(6, seed=1)[5].view(1, -1, 1, 1)
    assert rival.score(other).item() > 0.2


def test_means_have_length_1() -> None:
    bank = fitted().bank
    assert torch.allclose(bank.norm(dim=1), torch.ones(len(bank)))


def test_components_without_data_are_not_kept() -> None:
    assert 5 <= len(fitted().bank) < 40


def test_another_seed_begins_elsewhere() -> None:
    first, second = fitted(0).bank, fitted(1).bank
    assert first.shape != second.shape or not torch.equal(first, second)
