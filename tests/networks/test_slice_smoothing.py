"""Smoothing across slices: in mm, whatever the slices are, and never beyond what was scored."""

import pytest
import torch
from torch import Tensor

from monai_sar.networks import SliceSmoothing


def maps_of(depth: int, seed: int = 0) -> Tensor:
    return torch.rand((4, 5, depth), generator=torch.Generator().manual_seed(seed))


def bump(spacing: float) -> Tensor:
    """A lesion of 40 mm in 200 mm, in slices so far apart: ``[1, 1, D]``."""
    centres = torch.arange(int(200 / spacing)) * spacing
    return torch.exp(-((centres - 100) / 20).square())[None, None]


@pytest.mark.parametrize("sigma", [0.0, 5.0])
def test_one_slice_stays_as_it_is(sigma: float) -> None:
    maps = maps_of(1)
    assert torch.equal(SliceSmoothing(sigma)(maps.clone(), apart=3.0, scored=[0]), maps)


def test_no_sigma_changes_nothing() -> None:
    maps = maps_of(7)
    assert torch.equal(SliceSmoothing(0)(maps.clone(), apart=3.0, scored=range(7)), maps)


def test_what_is_the_same_everywhere_stays_so_up_to_both_ends() -> None:
    maps = torch.full((3, 4, 9), 0.7)
    assert torch.allclose(SliceSmoothing(8.0)(maps, apart=2.0, scored=range(9)), torch.tensor(0.7))


def test_the_same_scan_in_other_slices_has_the_same_map() -> None:
    """Resampled from 1 to 2, 4 and 5 mm, the smoothed scores at the same places are the same."""
    fine = SliceSmoothing(7.5)(bump(1.0), apart=1.0, scored=range(200))[0, 0]
    for spacing in (2, 4, 5):
        coarse = SliceSmoothing(7.5)(bump(spacing), apart=spacing, scored=range(200 // spacing))[0, 0]
        assert torch.allclose(coarse, fine[::spacing], atol=2e-3)


def test_slices_in_the_opposite_order_have_the_same_map() -> None:
    maps = maps_of(8)
    forward = SliceSmoothing(4.0)(maps.clone(), apart=3.0, scored=[1, 2, 4, 5, 7])
    backward = SliceSmoothing(4.0)(maps.flip(-1).clone(), apart=3.0, scored=[0, 2, 3, 5, 6])
    assert torch.allclose(forward.flip(-1), backward, atol=1e-6)


def test_slices_without_scores_neither_give_nor_take() -> None:
    maps = maps_of(6)
    maps[..., 2] = 0
    scored = [0, 1, 3, 4, 5]
    smooth = SliceSmoothing(5.0)(maps.clone(), apart=3.0, scored=scored)
    other = maps.clone()
    other[..., 2] = 100
    assert torch.equal(smooth[..., 2], maps[..., 2])
    assert torch.equal(SliceSmoothing(5.0)(other, apart=3.0, scored=scored)[..., scored], smooth[..., scored])


def test_what_is_between_stays_between() -> None:
    maps = maps_of(9)
    smooth = SliceSmoothing(6.0)(maps.clone(), apart=3.0, scored=range(9))
    assert bool((smooth <= maps.amax(-1, keepdim=True) + 1e-6).all())
    assert bool((smooth >= maps.amin(-1, keepdim=True) - 1e-6).all())
    assert float(smooth.std()) < float(maps.std())


@pytest.mark.parametrize("sigma", [-1.0, float("nan"), float("inf")])
def test_a_sigma_that_is_none_is_refused(sigma: float) -> None:
    with pytest.raises(ValueError, match="expected 0 \\(none\\) or more"):
        SliceSmoothing(sigma)
