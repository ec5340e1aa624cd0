import torch
from torch import Tensor

from benchmarks.rivals.k_center_greedy import k_center_greedy
from tests.benchmarks.rivals.embeddings import clustered, directions

ROWS = clustered(directions(), images=5, noise=0.2).movedim(1, -1).flatten(0, 2)


def radius(chosen: Tensor) -> float:
    return torch.cdist(ROWS, ROWS[chosen], compute_mode="donot_use_mm_for_euclid_dist").amin(1).amax().item()


def test_every_choice_is_the_farthest_from_those_before() -> None:
    chosen = k_center_greedy(ROWS, 60, first=7)
    assert chosen[0] == 7
    distances = torch.cdist(ROWS.double(), ROWS.double())
    for count in range(1, 60):
        nearest = distances[:, chosen[:count]].amin(1)
        assert nearest[chosen[count]] > nearest.amax() - 1e-5


def test_more_rows_cover_no_worse_and_all_cover_exactly() -> None:
    chosen = k_center_greedy(ROWS, len(ROWS), first=0)
    radii = [radius(chosen[:count]) for count in range(1, len(ROWS), 10)]
    assert radii == sorted(radii, reverse=True)
    assert radii[0] > 2 * radii[-1]
    assert sorted(chosen.tolist()) == list(range(len(ROWS)))


def test_as_many_rows_as_clusters_are_one_of_each() -> None:
    rows = (10 * directions()).repeat_interleave(8, dim=0) + 0.1 * ROWS[:40]
    chosen = k_center_greedy(rows, 5, first=39)
    assert sorted((chosen // 8).tolist()) == [0, 1, 2, 3, 4]


def test_no_row_is_chosen_twice_among_duplicates() -> None:
    assert len(set(k_center_greedy(ROWS[:2].repeat(10, 1), 20, first=0).tolist())) == 20
