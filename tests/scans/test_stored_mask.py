"""A mask says where the lesion is, whatever its file holds."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from monai_sar.scans.stored_image import ImageReadError
from monai_sar.scans.stored_mask import read_stored_mask

LESION = np.zeros((5, 7), bool)
LESION[1:4, 2:3] = True
LESION[3, 2:6] = True


def save(path: Path, pixels: NDArray[np.generic], **options: Any) -> Path:
    """Write the pixels and return the path."""
    Image.fromarray(pixels).save(path, **options)
    return path


def with_alpha(lesion: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return RGBA ``[H, W, 4]``: white lesion on black, opaque everywhere (as BMAD's brain masks)."""
    rgba = np.repeat(lesion[..., None], 4, axis=-1) * np.uint8(255)
    rgba[..., 3] = 255
    return rgba


def red(lesion: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return RGB ``[H, W, 3]``: a dark red lesion on black."""
    return np.where(lesion[..., None], np.array([60, 0, 0], np.uint8), np.uint8(0))


@pytest.mark.parametrize(
    "pixels",
    [
        LESION,
        LESION * np.uint8(1),
        LESION * np.uint8(255),
        LESION * np.uint16(1),
        LESION * np.uint8(128),
        with_alpha(LESION),
        red(LESION),
    ],
    ids=["1 bit", "0/1", "0/255", "16 bit", "0/128", "RGBA", "red"],
)
@pytest.mark.parametrize("extension", ["png", "tif"])
def test_every_kind_of_mask_reads_the_same(tmp_path: Path, pixels: NDArray[np.generic], extension: str) -> None:
    path = save(tmp_path / f"m.{extension}", pixels)
    mask = read_stored_mask(path)
    np.testing.assert_array_equal(mask.lesion, LESION)
    assert mask.stored.path == str(path)


def test_palette_index_is_not_what_counts_but_its_colour(tmp_path: Path) -> None:
    paletted = Image.fromarray(np.where(LESION, 2, 1).astype(np.uint8)).convert("P")
    paletted.putpalette([9, 9, 9, 0, 0, 0, 0, 80, 0])
    paletted.save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_stored_mask(tmp_path / "m.png").lesion, LESION)


def test_an_opaque_black_mask_is_empty(tmp_path: Path) -> None:
    assert not read_stored_mask(save(tmp_path / "m.png", with_alpha(np.zeros((5, 7), bool)))).lesion.any()


def test_jpeg_edges_are_not_lesion(tmp_path: Path) -> None:
    lesion = np.zeros((40, 48), bool)
    lesion[8:30, 11:33] = True
    for name, options in (("m.jpg", {}), ("m.tif", {"compression": "jpeg"})):
        path = save(tmp_path / name, lesion * np.uint8(255), quality=75, **options)
        stored = np.asarray(Image.open(path))
        assert (stored[~lesion] > 0).any()  # what a threshold at zero would have taken for lesion
        np.testing.assert_array_equal(read_stored_mask(path).lesion, lesion, err_msg=name)


def test_black_jpeg_is_empty_but_a_dark_one_is_refused(tmp_path: Path) -> None:
    assert not read_stored_mask(save(tmp_path / "black.jpg", np.zeros((16, 16), np.uint8))).lesion.any()
    path = save(tmp_path / "dark.jpg", np.full((16, 16), 1, np.uint8))
    with pytest.raises(ImageReadError, match=r"dark\.jpg: found a JPEG mask whose largest value is 1"):
        read_stored_mask(path)
