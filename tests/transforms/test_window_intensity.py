"""A window of Hounsfield units becomes [0, 1], and the organ is cut out, in as little memory as it takes."""

from collections.abc import Hashable

import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, CopyItemsd, MaskIntensityd, ScaleIntensityRanged

from monai_sar.transforms import CutOutd, WindowIntensityd

WINDOW = (-125, 275)


def item() -> dict[Hashable, MetaTensor]:
    """A volume in HU, some of which lies on the ends of the window, and a region."""
    generator = torch.Generator().manual_seed(0)
    volume = (400 * torch.randn(1, 30, 20, 7, generator=generator)).round()
    volume[0, 0], volume[0, 1] = WINDOW
    region = torch.rand(1, 30, 20, 7, generator=generator) > 0.5
    affine = torch.diag(torch.tensor([0.8, 0.8, 3.0, 1.0], dtype=torch.float64))
    return {"image": MetaTensor(volume, affine=affine, meta={"sha256": "ab"}), "region": MetaTensor(region)}


def test_it_gives_the_bits_of_monai() -> None:
    ours = Compose([WindowIntensityd("image", window=WINDOW, names="shown"), CutOutd("image")])(item())
    theirs = Compose(
        [
            ScaleIntensityRanged("image", *WINDOW, 0.0, 1.0, clip=True),
            CopyItemsd("image", names="shown"),
            MaskIntensityd("image", mask_key="region"),
        ]
    )(item())
    assert ours.keys() == theirs.keys()
    assert torch.equal(ours["image"].as_tensor().view(torch.int32), theirs["image"].as_tensor().view(torch.int32))
    assert torch.equal(ours["shown"].as_tensor(), theirs["shown"].as_tensor().half())
    for key in ("image", "shown"):
        assert ours[key].meta["sha256"] == "ab"
        assert torch.equal(ours[key].affine, theirs[key].affine)


def test_both_work_where_the_image_lies() -> None:
    before = item()
    after = Compose([WindowIntensityd("image", window=WINDOW, names="shown"), CutOutd("image")])(before)
    assert after["image"].data_ptr() == before["image"].data_ptr()
    after["shown"].meta["sha256"] = "of the other alone"
    assert after["image"].meta["sha256"] == "ab"


def test_cutting_out_leaves_what_is_shown() -> None:
    windowed = WindowIntensityd("image", window=WINDOW, names="shown")(item())
    whole = windowed["image"].clone()
    item_cut = CutOutd("image")(windowed)
    cut = item_cut["image"]
    assert torch.equal(item_cut["shown"].as_tensor(), whole.as_tensor().half())
    assert not cut[~windowed["region"]].any()
    assert torch.equal(cut[windowed["region"]], whole[windowed["region"]])


def test_what_cannot_be_windowed_is_refused() -> None:
    with pytest.raises(ValueError, match=r"The window is \[275, -125\], expected a lower and a higher value"):
        WindowIntensityd("image", window=(275, -125))
    with pytest.raises(TypeError, match=r"torch\.int16, expected floats"):
        WindowIntensityd("image", window=WINDOW)({"image": item()["image"].to(torch.int16)})
