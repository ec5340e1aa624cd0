"""The rectangle that is encoded has one size in mm, holds the region, and what is cut comes back where it was."""

from typing import Any

import pytest
import torch
from monai.data import DataLoader, Dataset, MetaTensor
from torch import Tensor

from monai_sar.features import SliceChoice
from monai_sar.inferers import VolumeInferer
from monai_sar.transforms import FieldOfView, FieldOfViewd, OrientSlices


def item(
    shape: tuple[int, int, int], box: tuple[slice, slice], spacing: tuple[float, float] = (1, 1)
) -> dict[Any, Any]:
    """A scan whose region is a box of its middle slice."""
    affine = torch.diag(torch.tensor([*spacing, 3.0, 1.0], dtype=torch.float64))
    image = torch.rand((1, *shape), generator=torch.Generator().manual_seed(0))
    region = torch.zeros((1, *shape), dtype=torch.bool)
    region[0, box[0], box[1], shape[2] // 2] = True
    return {"image": MetaTensor(image, affine=affine), "region": MetaTensor(region, affine=affine)}


def chosen(extent: tuple[float, float], scan: dict[Any, Any]) -> FieldOfView:
    return FieldOfView.of(FieldOfViewd("image", extent=extent)(scan)["image"])


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.5, 0.8), (2.0, 1.5)])
def test_it_has_its_size_in_mm_whatever_the_spacing(spacing: tuple[float, float]) -> None:
    view = chosen((24, 30), item((90, 80, 3), (slice(40, 44), slice(30, 36)), spacing))
    assert (view.height, view.width) == (round(24 / spacing[0]), round(30 / spacing[1]))


def test_without_a_choice_all_of_the_slice_is_seen() -> None:
    assert FieldOfView.of(torch.rand(1, 7, 9, 2)) == (0, 0, 7, 9)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((slice(40, 50), slice(60, 80)), (25, 50, 40, 40)),  # in its middle
        ((slice(0, 10), slice(90, 100)), (0, 60, 40, 40)),  # inside the slice, not beyond it
    ],
)
def test_it_lies_around_the_region_and_inside_the_slice(box: tuple[slice, slice], expected: tuple[int, ...]) -> None:
    assert chosen((40, 40), item((100, 100, 3), box)) == expected


def test_one_larger_than_the_slice_reaches_beyond_it() -> None:
    view = chosen((40, 40), item((20, 100, 1), (slice(5, 15), slice(50, 52))))
    assert view == (-10, 31, 40, 40)
    image = torch.rand(2, 1, 20, 100)
    cut = view.cut(image)
    assert torch.equal(cut[..., 10:30, :], image[..., 31:71])
    assert not cut[..., :10, :].any()
    assert not cut[..., 30:, :].any()


@pytest.mark.parametrize("box", [(slice(10, 90), slice(30, 40)), (slice(40, 41), slice(5, 70))])
def test_a_larger_region_makes_it_larger_in_both_directions_and_is_told(box: tuple[slice, slice]) -> None:
    scan = item((100, 100, 3), box)
    view = chosen((40, 20), scan)
    assert view.height / view.width == pytest.approx(2, rel=0.02)
    region = scan["region"][0].any(-1)
    assert view.cut(region[None, None].float()).count_nonzero() == region.count_nonzero()
    (note,) = scan["image"].meta["notes"]
    assert "larger than the field of view of 40 x 20 mm" in note


@pytest.mark.parametrize(
    ("kind", "spacing", "told"), [("slices", 1, True), ("slices", 0.8, False), ("nifti", 1, False)]
)
def test_image_files_without_a_spacing_are_told_to_have_another_scale(kind: str, spacing: float, told: bool) -> None:
    scan = item((100, 100, 1), (slice(40, 44), slice(30, 36)), (spacing, spacing))
    scan["image"].meta["kind"] = kind
    chosen((40, 40), scan)
    assert any("is taken in pixels" in note for note in scan["image"].meta.get("notes", ())) == told


def test_slices_are_looked_at_as_they_are_cut() -> None:
    scan = item((400, 400, 2), (slice(200, 206), slice(200, 206)))
    scan["image"][:] = 0
    scan["image"][0, 200:206, 200:206] = torch.rand(6, 6, 2) + 0.1  # 0.02 % of the slice, 9 % of what is cut
    scan["region"][:] = True
    scan["image"].meta["field_of_view"] = torch.tensor([195, 195, 20, 20])
    maps = VolumeInferer()(scan["image"][None], lambda images: images)
    assert torch.equal(maps[0].as_subclass(Tensor), scan["image"].as_subclass(Tensor))
    assert SliceChoice()(scan) == [0, 1]


def test_what_is_put_back_lies_where_it_was_cut() -> None:
    image = torch.rand(3, 1, 50, 60)
    for view in (FieldOfView(10, 20, 30, 25), FieldOfView(-5, 40, 70, 40), FieldOfView(0, 0, 50, 60)):
        again = view.put_back(view.cut(image), (50, 60))
        inside = torch.zeros(50, 60, dtype=torch.bool)
        inside[max(view.top, 0) : view.top + view.height, max(view.left, 0) : view.left + view.width] = True
        assert torch.equal(again, image * inside)


def test_an_inferer_maps_it_alone_in_the_grid_of_the_scan() -> None:
    scan = FieldOfViewd("image", extent=(12, 16))(item((40, 50, 4), (slice(20, 26), slice(30, 36))))
    seen = []

    def network(images: Tensor) -> Tensor:
        seen.append(tuple(images.shape))
        return images + 1

    image = scan["image"]
    maps = VolumeInferer(slices_per_batch=3)(image[None], network)[0].as_subclass(Tensor)
    assert seen == [(3, 1, 12, 16), (1, 1, 12, 16)]
    view = FieldOfView.of(image)
    part = (..., slice(view.top, view.top + 12), slice(view.left, view.left + 16), slice(None))
    assert torch.equal(maps[part], image.as_subclass(Tensor)[part] + 1)
    assert maps.count_nonzero() == 12 * 16 * 4


def test_a_loader_keeps_it() -> None:
    scan = FieldOfViewd("image", extent=(12, 16))(item((40, 50, 4), (slice(20, 26), slice(30, 36))))
    (batch,) = DataLoader(Dataset([{"image": scan["image"]}]), batch_size=1)
    assert FieldOfView.of(batch["image"]) == FieldOfView.of(scan["image"])


def test_slices_in_another_plane_have_none() -> None:
    scan = FieldOfViewd("image", extent=(12, 16))(item((40, 50, 4), (slice(20, 26), slice(30, 36))))
    turned = OrientSlices("sagittal")(scan["image"])
    assert FieldOfView.of(turned) == (0, 0, *turned.shape[1:3])


@pytest.mark.parametrize("extent", [(1e9, 1e9), (1e9, 10), (10, 9000)])
def test_one_far_larger_than_the_slices_is_refused_before_memory_is_taken(extent: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"slices are 100 x 100 mm; .*more than 8192 pixels long"):
        chosen(extent, item((100, 100, 3), (slice(40, 44), slice(30, 36))))


@pytest.mark.parametrize("extent", [(10,), (10, 0), (10, -3), (10, float("inf")), (10, float("nan"))])
def test_it_takes_two_lengths(extent: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="height and width in mm"):
        FieldOfViewd("image", extent=extent)
