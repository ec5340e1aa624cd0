"""White wedges that a device adds are found whole, and the retina never."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_sar.scans.stored_image import grey_values, read_stored_image
from monai_sar.transforms import AlignmentMargins, FillAlignmentMarginsd
from monai_sar.transforms.alignment_margins import MIXED


def b_scan(generator: np.random.Generator) -> torch.Tensor:
    """Speckle, and a bright grainy layer that saturates here and there: ``[1, 120, 160]``, 0..255."""
    rows = np.mgrid[:120, :160][0]
    signal = np.where(abs(rows - 70) < 6, 190.0, 30.0)
    return torch.from_numpy(np.clip(signal * generator.gamma(4, 0.25, signal.shape), 0, 255)).float()[None]


def wedge(top_left: int, top_right: int) -> torch.Tensor:
    """All above a line from one edge to the other: ``[1, 120, 160]``."""
    rows, columns = np.mgrid[:120, :160]
    return torch.from_numpy(rows < top_left + (top_right - top_left) * columns / 159)[None]


@pytest.mark.parametrize("ends", [(0, 30), (12, 12), (20, 0), (0, 0)])
@pytest.mark.parametrize("bottom", [False, True])
def test_a_wedge_is_found_with_its_rim_and_nothing_else(ends: tuple[int, int], bottom: bool) -> None:
    true = wedge(*ends)
    if bottom:
        true = true.flip(1)
    scan = torch.where(true, 255.0, b_scan(np.random.default_rng(0)))
    found = AlignmentMargins()(scan)
    missed = true & ~found
    assert missed.sum() <= 10  # the very tip is as thin as a layer
    # what is found too many lies beside the true margin
    near = torch.nn.functional.max_pool2d(true.float(), 2 * MIXED + 1, stride=1, padding=MIXED) > 0
    assert not (found & ~near).any()


def test_b_scans_of_a_volume_are_judged_one_by_one() -> None:
    generator = np.random.default_rng(1)
    scans = [b_scan(generator), torch.where(wedge(10, 20), 255.0, b_scan(generator))]
    volume = AlignmentMargins()(torch.stack(scans, dim=-1))
    for z, scan in enumerate(scans):
        assert torch.equal(volume[..., z], AlignmentMargins()(scan))


def test_margins_become_the_dark_around_and_leave_the_region() -> None:
    scan = b_scan(np.random.default_rng(2))
    image = MetaTensor(torch.where(wedge(10, 25), 255.0, scan), meta={"filename_or_obj": "scan"})
    made = FillAlignmentMarginsd("image")({"image": image})
    margins = ~made["region"].as_tensor()
    assert torch.equal(margins, AlignmentMargins()(image))
    assert made["image"].as_tensor()[margins].unique().tolist() == [float(image.as_tensor()[~margins].median())]
    assert torch.equal(made["image"].as_tensor()[~margins], scan[~margins])
    assert image.max() == 255  # what came in is as it was


def test_without_margins_nothing_changes_and_all_is_scored() -> None:
    scan = MetaTensor(b_scan(np.random.default_rng(3)))
    made = FillAlignmentMarginsd("image")({"image": scan})
    assert torch.equal(made["image"].as_tensor(), scan.as_tensor())
    assert made["region"].all()


def test_a_given_region_stays_within_its_bounds() -> None:
    image = MetaTensor(torch.where(wedge(10, 25), 255.0, b_scan(np.random.default_rng(4))))
    retina = torch.zeros(1, 120, 160)
    retina[:, 5:90] = 1
    made = FillAlignmentMarginsd("image")({"image": image, "region": retina})
    assert torch.equal(made["region"].as_tensor(), (retina > 0) & ~AlignmentMargins()(image))


def test_an_image_of_white_is_refused() -> None:
    with pytest.raises(ValueError, match="white.png: shows nothing but white margins"):
        FillAlignmentMarginsd("image")(
            {"image": MetaTensor(torch.ones(1, 9, 9), meta={"filename_or_obj": "white.png"})}
        )


def test_on_real_b_scans_only_those_with_margins_lose_pixels(outside: Callable[[str], Path]) -> None:
    scans = outside("data/bmad/retinal_oct")

    def share(path: Path) -> float:
        return float(
            AlignmentMargins()(torch.from_numpy(grey_values(read_stored_image(path))[None].astype(np.float32)))
            .float()
            .mean()
        )

    # this device aligns nothing; the other one's exports all have margins, at most an eighth of the image
    plain = [share(path) for path in sorted(scans.glob("train/good/healthy*.png"))[::8]]
    aligned = [share(path) for path in sorted(scans.glob("test/img/Ungood/chiu_*.png"))[::4]]
    assert len(plain) > 5
    assert max(plain) < 0.001
    assert len(aligned) > 5
    assert all(0.005 < one < 0.2 for one in aligned)
