"""A scale that does not depend on scanner gain, air or lesion."""

from collections.abc import Hashable

import pytest
import torch
from torch import Tensor

from monai_sar.transforms import MRIIntensity, MRIIntensityd

to_median = MRIIntensity(percentile=50, level=0.4)


def _head(seed: int = 0, padding: int = 10) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    head = torch.zeros(1, 60, 50)
    head[:, padding:-padding, padding:-padding] = 300 + 40 * torch.randn(
        1, 60 - 2 * padding, 50 - 2 * padding, generator=generator
    )
    return head


@pytest.mark.parametrize(("gain", "offset"), [(7.0, 0.0), (0.01, 0.0), (1.0, 1000.0), (1.0, -500.0)])
def test_gain_and_offset_of_the_scanner_do_not_matter(gain: float, offset: float) -> None:
    torch.testing.assert_close(to_median(gain * _head() + offset), to_median(_head()), atol=1e-4, rtol=0)


def test_the_percentile_of_the_foreground_gets_the_level() -> None:
    scaled = to_median(_head())
    assert scaled[scaled > 0.1].median() == pytest.approx(0.4, abs=1e-3)
    assert scaled.min() == 0
    assert scaled.max() <= 1


def test_air_around_the_head_does_not_matter() -> None:
    wide = torch.nn.functional.pad(_head(), (40, 40, 40, 40))
    torch.testing.assert_close(to_median(wide)[:, 40:-40, 40:-40], to_median(_head()))


def test_a_bright_lesion_hardly_moves_the_rest() -> None:
    """The median is robust; a high percentile inside the lesion is not."""
    lesion = _head()
    lesion[:, 20:28, 20:28] = 900  # 5 % of the head
    changed = to_median(lesion)[:, 40, 30] / to_median(_head())[:, 40, 30]
    assert changed.item() == pytest.approx(1, abs=0.05)
    high = MRIIntensity(percentile=99.5, level=1.0)
    assert (high(lesion)[:, 40, 30] / high(_head())[:, 40, 30]).item() < 0.6


def test_a_volume_is_scaled_as_one() -> None:
    slices = torch.stack([_head(), 0.5 * _head(1)], dim=-1)
    scaled = to_median(slices)
    # the dimmer slice stays dimmer
    assert scaled[..., 0].sum() / scaled[..., 1].sum() == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("value", [0.0, 700.0])
def test_an_image_of_one_value_is_zero(value: float) -> None:
    assert not to_median(torch.full((1, 8, 8), value)).any()


def test_the_dictionary_version_does_the_same_and_leaves_its_input() -> None:
    item: dict[Hashable, Tensor] = {"image": _head(), "label": _head()}
    scaled = MRIIntensityd("image", percentile=50, level=0.4)(item)
    assert torch.equal(scaled["image"], to_median(_head()))
    assert torch.equal(scaled["label"], _head())
    assert torch.equal(item["image"], _head())


@pytest.mark.parametrize(("percentile", "level"), [(0, 0.4), (101, 0.4), (50, 0), (50, 1.5)])
def test_settings_out_of_range_are_refused(percentile: float, level: float) -> None:
    with pytest.raises(ValueError, match="Expected a percentile"):
        MRIIntensity(percentile=percentile, level=level)


@pytest.mark.parametrize("value", [1e9, -1e9, 1e5])
def test_a_hot_or_cold_voxel_does_not_hide_the_rest(value: float) -> None:
    broken = _head()
    broken[0, 3, 3] = value
    scaled, sound = to_median(broken), to_median(_head())
    scaled[0, 3, 3] = sound[0, 3, 3]
    torch.testing.assert_close(scaled, sound, atol=1e-3, rtol=0)
