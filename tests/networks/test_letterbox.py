"""Into the box and back."""

import pytest
import torch
import torch.nn.functional as F

from monai_sar.networks import Letterbox


def test_a_square_image_is_resized_as_in_the_paper() -> None:
    image = torch.rand(1, 3, 240, 240)
    expected = F.interpolate(image, (448, 448), mode="bilinear", antialias=True, align_corners=False)
    assert torch.equal(Letterbox((448, 448))(image), expected)


def test_a_map_of_a_full_box_is_upsampled_as_in_the_paper() -> None:
    grid = torch.rand(2, 1, 28, 28)
    expected = F.interpolate(grid, (240, 240), mode="bilinear", align_corners=False)
    restored = Letterbox((448, 448)).restore(grid, patch_size=16, image_size=(240, 240))
    torch.testing.assert_close(restored, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(60, 120), (120, 60), (33, 100), (1, 50)])
def test_the_aspect_ratio_is_kept_and_the_border_is_zero(size: tuple[int, int]) -> None:
    boxed = Letterbox((96, 96))(torch.ones(1, 1, *size))
    assert boxed.shape == (1, 1, 96, 96)
    inside = boxed[0, 0] > 0
    height, width = int(inside.any(1).sum()), int(inside.any(0).sum())
    scale = 96 / max(size)
    assert abs(height - size[0] * scale) <= 0.5
    assert abs(width - size[1] * scale) <= 0.5
    assert torch.equal(inside.flip(0), inside) or (96 - height) % 2 == 1  # centred


def test_stretching_is_an_option() -> None:
    assert (Letterbox((64, 64), keep_aspect_ratio=False)(torch.ones(1, 1, 20, 50)) == 1).all()


@pytest.mark.parametrize("size", [(100, 100), (60, 120), (77, 50), (500, 31)])
@pytest.mark.parametrize("box", [(96, 96), (64, 128), None])
def test_what_lies_where_in_the_image_lies_there_in_the_map(size: tuple[int, int], box: tuple[int, int] | None) -> None:
    """Geometry: a map of the image's own coordinates, taken through the box and back, is those coordinates."""
    patch = 4
    rows = torch.arange(size[0], dtype=torch.float32)[:, None].expand(size)
    columns = torch.arange(size[1], dtype=torch.float32)[None].expand(size)
    letterbox = Letterbox(box)
    for coordinate in (rows, columns):
        boxed = letterbox(coordinate[None, None])
        boxed = F.pad(boxed, (0, -boxed.shape[-1] % patch, 0, -boxed.shape[-2] % patch), mode="replicate")
        restored = letterbox.restore(F.avg_pool2d(boxed, patch), patch_size=patch, image_size=size)[0, 0]
        # away from the border, where patches mix image and frame, to within half a pixel of the coarser grid
        margin = int(2 * patch * max(size) / (box[0] if box else max(size))) + 1
        inner = (slice(margin, size[0] - margin), slice(margin, size[1] - margin))
        tolerance = 0.5 * max(1.0, max(size) / min(box)) if box else 0.5
        assert (restored[inner] - coordinate[inner]).abs().max() <= tolerance if restored[inner].numel() else True


def test_a_size_is_two_numbers() -> None:
    with pytest.raises(ValueError, match="height, width"):
        Letterbox((448,))  # type: ignore[arg-type]
