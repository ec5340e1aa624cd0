"""Where a score means something: found by brightness or density, or given."""

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from numpy.typing import NDArray
from pydicom.dataset import FileDataset

from monai_sar.transforms import BodyRegion, ForegroundRegion, LoadScan, RegionMaskd

Write = Callable[..., NDArray[np.int64]]


def disc(radius: float, size: int = 64, centre: tuple[float, float] = (32, 32)) -> torch.Tensor:
    rows, columns = np.mgrid[:size, :size]
    return torch.from_numpy(np.hypot(rows - centre[0], columns - centre[1]) < radius)


def test_every_slice_of_a_volume_gets_the_foreground_of_the_slice() -> None:
    volume = torch.rand(1, 40, 30, 6, generator=torch.Generator().manual_seed(0))
    found = ForegroundRegion(level=0.7)(volume)
    for z in range(6):
        assert torch.equal(found[..., z], ForegroundRegion(level=0.7)(volume[..., z]))


def test_holes_belong_to_the_foreground_and_bays_do_not() -> None:
    ring = disc(20) & ~disc(8)
    assert torch.equal(ForegroundRegion(level=0.5)(ring[None].float())[0], disc(20))
    ring[32, 32:] = False  # a way out
    assert not ForegroundRegion(level=0.5)(ring[None].float())[0, 32, 32]


def test_the_foreground_of_a_coloured_image_is_bright_in_any_channel() -> None:
    image = torch.zeros(3, 4, 4)
    image[2, 1, 1] = 1
    assert ForegroundRegion(level=0.5)(image).nonzero().tolist() == [[0, 1, 1]]


def ct_slice(*, table: bool) -> torch.Tensor:
    """Fat and muscle with a gas bubble, and perhaps a table that touches the back in a line."""
    image = torch.full((64, 64), -1000.0)
    image[disc(22)] = -90
    image[disc(18)] = 60
    image[disc(4, centre=(28, 30))] = -950
    if table:
        image[58:61, 5:60] = 200
        image[53:58, 32] = 0
    return image


@pytest.mark.parametrize("depth", [1, 5])
def test_the_body_has_its_gas_and_leaves_the_table(depth: int) -> None:
    volume = torch.stack([ct_slice(table=True)] * depth, dim=-1)[None]
    body = BodyRegion(level=-300)(volume)
    assert body.dtype == torch.bool
    overlap = (body[0] & disc(22)[..., None]).sum() * 2 / (body.sum() + depth * disc(22).sum())
    assert overlap > 0.99
    assert not body[0, 58:].any()
    assert body[0, 28, 30].all()


def item(mask: torch.Tensor | None = None) -> dict[Hashable, Any]:
    image = MetaTensor(ct_slice(table=False)[None, ..., None], meta={"filename_or_obj": "scan", "notes": ["first"]})
    return {"image": image} | ({} if mask is None else {"region": mask})


def test_a_given_mask_is_taken_as_it_is_and_nothing_is_noted() -> None:
    mask = torch.zeros(1, 64, 64, 1)
    mask[0, 10:20, 10:20] = 6  # of the liver, in a file that numbers organs
    made = RegionMaskd("image", find=BodyRegion(level=-300), note="no mask")(item(mask))
    assert made["region"].dtype == torch.bool
    assert torch.equal(made["region"].as_tensor(), mask > 0)
    assert made["image"].meta["notes"] == ["first"]


def test_without_a_mask_the_region_is_found_and_that_is_noted() -> None:
    given = item()
    made = RegionMaskd("image", find=BodyRegion(level=-300), note="no mask")(given)
    assert made["region"][0, 32, 32, 0]
    assert not made["region"][0, 0, 0, 0]
    assert made["image"].meta["notes"] == ["first", "no mask"]


@pytest.mark.parametrize(
    ("mask", "message"),
    [(torch.zeros(1, 64, 64, 1), "marks no voxel"), (torch.ones(1, 64, 60, 1), r"shape \(1, 64, 60, 1\), expected")],
)
def test_an_empty_mask_and_one_of_another_shape_are_refused(mask: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RegionMaskd("image", find=BodyRegion(level=-300))(item(mask))


def test_a_picture_without_foreground_is_refused() -> None:
    with pytest.raises(ValueError, match="scan: shows nothing above"):
        RegionMaskd("image", find=ForegroundRegion(level=5000))(item())


@pytest.mark.parametrize("given", [False, True])
def test_padding_is_outside_even_where_it_is_enclosed(tmp_path: Path, write_series: Write, given: bool) -> None:
    hole = (slice(3, 5), slice(4, 7))

    def pad(ds: FileDataset, index: int) -> None:
        stored = np.full((ds.Rows, ds.Columns), 1000, "<u2")
        stored[0], stored[hole] = 0, 2000
        ds.PixelPaddingValue, ds.PixelData = 2000, stored.tobytes()

    write_series(tmp_path, modality="MR", edit=pad)
    image = LoadScan()(tmp_path)
    item: dict[Hashable, Any] = {"image": image}
    if given:
        item["region"] = torch.ones_like(image)
    region = RegionMaskd("image", find=ForegroundRegion(level=0.5))(item)["region"]
    inside = np.ones((8, 10), bool)
    inside[0], inside[hole] = False, False
    assert torch.equal(torch.as_tensor(region)[0], torch.from_numpy(inside.T)[..., None].expand(10, 8, 5))
