"""Which slices of a scan are learnt from."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from monai.data import MetaTensor

from monai_sar.features import SliceChoice, normal_slices

DEPTH = 12


def item(*, lesion: tuple[int, ...] | None = None, spacing: float = 2.0, depth: int = DEPTH) -> dict[str, Any]:
    """A scan of noise, all of it in the region, with a lesion of one voxel in some slices."""
    affine = torch.diag(torch.tensor([1.0, 1.0, spacing, 1.0], dtype=torch.float64))
    image = torch.rand(1, 10, 8, depth, generator=torch.Generator().manual_seed(0)) + 0.1
    made = {"image": MetaTensor(image, affine=affine), "region": torch.ones(1, 10, 8, depth, dtype=torch.bool)}
    if lesion is not None:
        label = torch.zeros(1, 10, 8, depth, dtype=torch.uint8)
        label[0, 3, 3, list(lesion)] = 1
        made["label"] = label
    return made


def test_all_slices_of_a_normal_scan_are_taken() -> None:
    assert SliceChoice()(item()) == SliceChoice(lesion_margin=50)(item(lesion=())) == list(range(DEPTH))
    assert SliceChoice(min_region=1, lesion_margin=9, slices_per_scan=5)(item(depth=1)) == [0]


@pytest.mark.parametrize(
    ("margin", "left_out"), [(0, [5, 6]), (1.9, [5, 6]), (2.0, [4, 5, 6, 7]), (5.0, [3, 4, 5, 6, 7, 8]), (50, [])]
)
def test_slices_with_a_lesion_and_those_nearer_than_the_margin_are_left_out(margin: float, left_out: list[int]) -> None:
    """In mm, not in slices: they are 2 mm apart."""
    expected = [z for z in range(DEPTH) if z not in left_out] if left_out else []
    scan = item(lesion=(5, 6))
    assert SliceChoice(lesion_margin=margin)(scan) == expected
    assert normal_slices(scan, margin=margin).nonzero().flatten().tolist() == expected


def test_far_slices_are_not_within_the_margin() -> None:
    assert SliceChoice(lesion_margin=5)(item(lesion=(5, 6), spacing=7.0)) == [
        z for z in range(DEPTH) if z not in (5, 6)
    ]


def test_the_ends_of_an_organ_are_left_out() -> None:
    scan = item()
    for z, rows in enumerate([0, 1, 2, 5, 10, 10, 10, 10, 5, 2, 1, 0]):
        scan["region"][0, rows:, :, z] = False
    assert SliceChoice()(scan) == list(range(1, 11))  # where there is nothing of it, there is nothing to learn
    assert SliceChoice(min_region=0.2)(scan) == list(range(2, 10))
    assert SliceChoice(min_region=0.21)(scan) == list(range(3, 9))
    assert SliceChoice(min_region=1.0)(scan) == list(range(4, 8))
    scan["region"][:] = False
    assert SliceChoice()(scan) == []


def test_what_shows_nothing_is_left_out() -> None:
    scan = item()
    scan["image"][..., 3] = 0
    scan["image"][..., 4] = 0.7
    assert SliceChoice()(scan) == [0, 1, 2, *range(5, DEPTH)]


@pytest.mark.parametrize("depth", [1, 2, 7, 12, 60, 61])
@pytest.mark.parametrize("most", [1, 2, 3, 12, 50])
def test_a_cap_takes_evenly_spaced_slices(depth: int, most: int) -> None:
    chosen = SliceChoice(slices_per_scan=most)(item(depth=depth))
    assert len(chosen) == min(most, depth)
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= set(range(depth))
    steps = [after - before for before, after in pairwise(chosen)]
    assert not steps or max(steps) - min(steps) <= 1
    assert abs(chosen[0] - (depth - 1 - chosen[-1])) <= 1  # as far from one end as from the other


def test_a_cap_counts_what_may_be_taken() -> None:
    assert SliceChoice(slices_per_scan=2)(item(lesion=tuple(range(8)))) == [9, 11]


@pytest.mark.parametrize(
    "wrong",
    [
        {"slices_per_scan": 0},
        {"min_region": 1.1},
        {"min_region": -0.1},
        {"lesion_margin": -1},
        {"lesion_margin": float("nan")},
    ],
    ids=str,
)
def test_wrong_settings_are_told(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .*expected"):
        SliceChoice(**wrong)
