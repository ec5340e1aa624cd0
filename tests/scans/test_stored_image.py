"""Every kind of image file that a slice comes in: all grey levels kept, rows first, nothing read by a guess."""

import struct
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from monai_sar.scans.bone_colormap import bone_lut
from monai_sar.scans.image_stack import read_slices
from monai_sar.scans.stored_image import ImageReadError, grey_values, read_stored_image

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
RGB = np.stack([GREY, 255 - GREY, GREY // 2], axis=-1)


def alpha_like(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an alpha channel that differs from every other channel and is 0 somewhere."""
    return np.roll(pixels, 5)[..., None]


def save(path: Path, pixels: NDArray[np.generic], **options: Any) -> Path:
    """Write the pixels and return the path."""
    Image.fromarray(pixels).save(path, **options)
    return path


def grey(path: Path) -> NDArray[np.generic]:
    """The grey values ``[H, W]``."""
    return grey_values(read_stored_image(path))


def as_stored(path: Path) -> NDArray[np.float32]:
    """RGB ``[3, H, W]``, as the paper reads."""
    image = read_slices([path], path, spacing=None, color="as_stored").image
    return np.asarray(image[..., 0]).swapaxes(1, 2)


@pytest.mark.parametrize("extension", ["png", "tif", "bmp"])
def test_8_bit_grey(tmp_path: Path, extension: str) -> None:
    path = save(tmp_path / f"x.{extension}", GREY)
    stored = read_stored_image(path)
    assert stored.pixels.shape == (3, 4)  # rows first
    np.testing.assert_array_equal(stored.pixels, GREY)
    assert (stored.path, stored.stored_max, stored.lossy) == (str(path), 255, False)


def test_as_stored_repeats_grey(tmp_path: Path) -> None:
    image = as_stored(save(tmp_path / "x.png", GREY))
    np.testing.assert_array_equal(image, np.stack([GREY] * 3))


def test_rgb_as_stored(tmp_path: Path) -> None:
    image = as_stored(save(tmp_path / "x.png", RGB))
    assert image.shape == (3, 3, 4)
    np.testing.assert_array_equal(image, np.moveaxis(RGB, -1, 0))


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_16_bit_grey_keeps_a_12_bit_ramp(tmp_path: Path, extension: str) -> None:
    ramp = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    stored = read_stored_image(save(tmp_path / f"x.{extension}", ramp))
    assert len(np.unique(stored.pixels)) == 4096
    np.testing.assert_array_equal(stored.pixels, ramp)
    assert stored.stored_max == 65535
    np.testing.assert_array_equal(as_stored(tmp_path / f"x.{extension}"), np.stack([ramp] * 3))


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_16_bit_tiff_of_either_byte_order(tmp_path: Path, byteorder: Literal["<", ">"]) -> None:
    pixels = np.array([[0, 1, 255], [256, 4095, 65535]], np.uint16)
    tifffile.imwrite(tmp_path / "x.tif", pixels, byteorder=byteorder)
    np.testing.assert_array_equal(grey(tmp_path / "x.tif"), pixels)


def test_float_tiff_in_0_to_1(tmp_path: Path) -> None:
    pixels = np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3)
    stored = read_stored_image(save(tmp_path / "x.tif", pixels))
    np.testing.assert_array_equal(stored.pixels, pixels)
    assert stored.stored_max == 1


@pytest.mark.parametrize("values", [(-0.5, 0.5), (0, 2), (0, np.nan)])
def test_other_floats_are_refused(tmp_path: Path, values: tuple[float, float]) -> None:
    path = save(tmp_path / "x.tif", np.array([values], np.float32))
    with pytest.raises(ImageReadError, match=r"x\.tif: found float values from .* expected 0\.\.1"):
        grey(path)


def test_one_bit(tmp_path: Path) -> None:
    stored = read_stored_image(save(tmp_path / "x.png", GREY > 100))
    np.testing.assert_array_equal(stored.pixels, GREY > 100)
    assert stored.stored_max == 1


@pytest.mark.parametrize("pixels", [GREY[..., None], np.repeat(GREY[..., None], 3, axis=-1)])
def test_alpha_is_never_intensity(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    path = save(tmp_path / "x.png", np.concatenate([pixels, alpha_like(GREY)], axis=-1))
    with Image.open(path) as stored:
        assert stored.mode in ("LA", "RGBA")
    np.testing.assert_array_equal(grey(path), GREY)
    np.testing.assert_array_equal(as_stored(path), np.stack([GREY] * 3))


@pytest.mark.parametrize("transparent", [False, True])
def test_palette_of_greys(tmp_path: Path, transparent: bool) -> None:
    paletted = Image.fromarray(255 - GREY).convert("P")
    paletted.putpalette([level for entry in range(256) for level in [255 - entry] * 3])
    options: dict[str, Any] = {"transparency": bytes(range(256))} if transparent else {}
    paletted.save(tmp_path / "x.png", **options)
    with Image.open(tmp_path / "x.png") as stored:
        assert stored.mode == "P"
    np.testing.assert_array_equal(grey(tmp_path / "x.png"), GREY)


def test_bone_coloured_rgba_gives_back_every_intensity(tmp_path: Path) -> None:
    intensity = np.random.default_rng(0).permutation(256).astype(np.uint8).reshape(8, 32)
    alpha = np.full((8, 32, 1), 255, np.uint8)
    path = save(tmp_path / "x.png", np.concatenate([bone_lut()[intensity], alpha], axis=-1))
    np.testing.assert_array_equal(grey(path), intensity)
    np.testing.assert_array_equal(as_stored(path), np.moveaxis(bone_lut()[intensity], -1, 0))


def test_bone_coloured_palette(tmp_path: Path) -> None:
    paletted = Image.fromarray(GREY).convert("P")
    paletted.putpalette(bone_lut().tobytes())
    paletted.save(tmp_path / "x.png")
    np.testing.assert_array_equal(grey(tmp_path / "x.png"), GREY)


def test_bone_coloured_jpeg(tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:64, 0:64]
    intensity = (rows + 3 * columns).astype(np.uint8)[:, :60]
    image = grey(save(tmp_path / "x.jpg", bone_lut()[intensity], quality=90))
    assert np.abs(image.astype(float) - intensity).mean() < 2


def test_grey_jpeg_stored_as_rgb(tmp_path: Path) -> None:
    path = save(tmp_path / "x.jpg", np.repeat(GREY[..., None], 3, axis=-1), quality=95)
    with Image.open(path) as stored:
        assert stored.mode == "RGB"
    assert np.abs(grey(path).astype(float) - GREY).max() <= 5


def test_colours_are_not_read_as_intensity(tmp_path: Path) -> None:
    marked = np.repeat(np.full((5, 6, 1), 90, np.uint8), 3, axis=-1)
    marked[3, 4] = (255, 0, 0)
    path = save(tmp_path / "x.png", marked)
    with pytest.raises(ImageReadError, match=r"RGB \(255, 0, 0\) at row 3, column 4.*as_stored"):
        grey(path)


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.tif"])
def test_an_image_stored_on_its_side_is_refused(tmp_path: Path, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 1
    assert grey(save(tmp_path / name, GREY, exif=exif)).shape == (3, 4)
    exif[0x0112] = 6
    with pytest.raises(ImageReadError, match="found EXIF orientation 6"):
        grey(save(tmp_path / name, GREY, exif=exif))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "found no such file"),
        (b"", "found zero bytes"),
        (b"this is not an image", "found 20 bytes that cannot be read as an image"),
    ],
)
def test_no_image(tmp_path: Path, content: bytes | None, complaint: str) -> None:
    path = tmp_path / "x.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImageReadError, match=complaint) as error:
        grey(path)
    assert str(path) in str(error.value)


def test_a_folder_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(ImageReadError, match="found a folder"):
        grey(tmp_path)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("extension", ["png", "jpg", "tif", "bmp"])
def test_a_truncated_file_is_never_read_in_part(tmp_path: Path, extension: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)
    path = save(tmp_path / f"x.{extension}", noise)
    whole, content = grey(path), path.read_bytes()
    refused = 0
    for fraction in np.linspace(0.02, 0.98, 25):
        path.write_bytes(content[: int(len(content) * fraction)])
        try:
            assert np.array_equal(grey(path), whole)
        except ImageReadError:
            refused += 1
    assert refused >= 24


@pytest.mark.parametrize("extension", ["tif", "png"])
def test_several_frames(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"x.{extension}"
    Image.fromarray(GREY).save(path, save_all=True, append_images=[Image.fromarray(GREY.T.copy().reshape(3, 4))])
    with pytest.raises(ImageReadError, match=r"found 2 frames .*Save each frame"):
        grey(path)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 5, 3), np.uint16),
        np.zeros((4, 5), np.int16),
        np.zeros((4, 5), np.int32),
        np.zeros((4, 5), np.uint32),
        np.zeros((4, 5), np.float64),
    ],
    ids=lambda pixels: f"{pixels.dtype}x{pixels.ndim}",
)
def test_kinds_that_would_lose_something_are_refused(tmp_path: Path, pixels: NDArray[np.generic]) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, pixels, photometric="rgb" if pixels.ndim == 3 else "minisblack")
    with pytest.raises(ImageReadError, match=r"x\.tif: found .*; expected "):
        grey(path)


@pytest.mark.parametrize(("color_type", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_16_bit_png_with_colour_or_alpha_is_refused(tmp_path: Path, color_type: int, channels: int) -> None:
    header = struct.pack(">IIBBBBB", 5, 4, 16, color_type, 0, 0, 0)  # width, height, bit depth, ...
    rows = (b"\0" + bytes(5 * channels * 2)) * 4  # each row begins with its filter
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(ImageReadError, match=r"found PNG pixels of type .*;16B"):
        grey(tmp_path / "x.png")


def test_cmyk_is_refused(tmp_path: Path) -> None:
    Image.new("CMYK", (4, 5)).save(tmp_path / "x.jpg")
    with pytest.raises(ImageReadError, match="found JPEG pixels of type CMYK"):
        grey(tmp_path / "x.jpg")


def test_white_as_zero(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", 255 - GREY, photometric="miniswhite")
    np.testing.assert_array_equal(grey(tmp_path / "x.tif"), GREY)
    tifffile.imwrite(tmp_path / "z.tif", GREY > 100, photometric="miniswhite")
    np.testing.assert_array_equal(grey(tmp_path / "z.tif"), GREY <= 100)
    tifffile.imwrite(tmp_path / "y.tif", 65535 - GREY.astype(np.uint16), photometric="miniswhite")
    np.testing.assert_array_equal(grey(tmp_path / "y.tif"), GREY)
