"""The inverse of the "bone" colour map is exact where the file is, and refuses what is not bone."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from monai_sar.scans.bone_colormap import bone_index, bone_index_lossy, bone_lut


def smooth_slice() -> NDArray[np.uint8]:
    """Return an image ``[96, 128]`` of all grey levels: smooth tissue with a sharp edge against black air."""
    rows, columns = np.mgrid[0:96, 0:128]
    image = 127.5 + 127.5 * np.sin(rows / 17) * np.cos(columns / 23)
    image[(rows - 48) ** 2 + (columns - 64) ** 2 > 45**2] = 0
    return np.asarray(image, dtype=np.uint8)


def through_jpeg(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Compress and decompress an image, as ``Image.save`` does by default (chroma at half resolution)."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def test_every_intensity_comes_back() -> None:
    index = bone_index(bone_lut())
    assert index is not None
    assert index.dtype == np.uint8
    np.testing.assert_array_equal(index, np.arange(256))


def test_an_image_comes_back_exactly() -> None:
    image = smooth_slice()
    np.testing.assert_array_equal(bone_index(bone_lut()[image]), image)


def test_the_tolerance_is_two_levels_and_the_nearest_intensity_wins() -> None:
    rng = np.random.default_rng(0)
    lut = bone_lut().astype(int)
    colours = np.clip(lut[rng.integers(0, 256, 500)] + rng.integers(-6, 7, (500, 3)), 0, 255)
    offsets = colours[:, None] - lut[None]
    near = np.abs(offsets).max(axis=-1).min(axis=1) <= 2
    assert 50 < near.sum() < 450
    for colour, expected in zip(colours, near, strict=True):
        assert (bone_index(colour[None].astype(np.uint8)) is not None) == expected
    index = bone_index(colours[near].astype(np.uint8))
    assert index is not None
    distances = np.abs(offsets[near]).max(axis=-1)
    np.testing.assert_array_equal(distances[np.arange(index.size), index], distances.min(axis=1))


def test_one_foreign_pixel_is_enough_to_refuse() -> None:
    colours = bone_lut()[smooth_slice()]
    colours[40, 50] = (200, 30, 30)
    assert bone_index(colours) is None
    assert bone_index_lossy(colours) is None


@pytest.mark.parametrize("tint", [(1.0, 1.0, 1.0), (1.0, 0.9, 0.75), (0.6, 1.0, 0.6)])
def test_other_tints_are_not_bone(tint: tuple[float, float, float]) -> None:
    colours = (smooth_slice()[..., None] * np.array(tint)).astype(np.uint8)
    assert bone_index(colours) is None
    assert bone_index_lossy(through_jpeg(colours, 75)) is None


@pytest.mark.parametrize("quality", [30, 50, 75, 95])
def test_after_jpeg_the_intensity_is_as_good_as_that_of_a_grey_jpeg(quality: int) -> None:
    image = smooth_slice()
    index = bone_index_lossy(through_jpeg(bone_lut()[image], quality))
    assert index is not None
    error = np.abs(index.astype(int) - image).mean()
    grey_error = np.abs(through_jpeg(image, quality).astype(int) - image).mean()
    assert error < grey_error + 0.5
