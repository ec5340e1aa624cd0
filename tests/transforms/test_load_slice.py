"""Every kind of file that a slice comes in: all grey levels kept, rows first, nothing read by a guess."""

import struct
import zlib
from collections.abc import Hashable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
import torch
from monai.data.dataloader import DataLoader
from monai.data.dataset import Dataset
from numpy.typing import NDArray
from PIL import Image

from monai_sar.scans.bone_colormap import bone_lut
from monai_sar.scans.stored_image import ImageReadError
from monai_sar.transforms.load_slice import LoadSlice, LoadSliced

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
RGB = np.stack([GREY, 255 - GREY, GREY // 2], axis=-1)


def alpha_like(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an alpha channel that differs from every other channel and is 0 somewhere."""
    return np.roll(pixels, 5)[..., None]


def save(path: Path, pixels: NDArray[np.generic], **options: Any) -> Path:
    """Write the pixels and return the path."""
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.mark.parametrize("extension", ["png", "tif", "bmp"])
def test_8_bit_grey(tmp_path: Path, extension: str) -> None:
    path = save(tmp_path / f"x.{extension}", GREY)
    image = LoadSlice()(path)
    assert image.shape == (1, 3, 4)  # rows first
    assert image.dtype == torch.float32
    np.testing.assert_array_equal(image[0].numpy(), GREY)
    assert image.meta["filename_or_obj"] == str(path)
    assert image.meta["stored_max"] == 255


def test_as_stored_repeats_grey(tmp_path: Path) -> None:
    image = LoadSlice(color="as_stored")(save(tmp_path / "x.png", GREY))
    np.testing.assert_array_equal(image.numpy(), np.stack([GREY] * 3))


def test_rgb_as_stored(tmp_path: Path) -> None:
    image = LoadSlice(color="as_stored")(save(tmp_path / "x.png", RGB))
    assert image.shape == (3, 3, 4)
    np.testing.assert_array_equal(image.numpy(), np.moveaxis(RGB, -1, 0))


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_16_bit_grey_keeps_a_12_bit_ramp(tmp_path: Path, extension: str) -> None:
    ramp = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    image = LoadSlice()(save(tmp_path / f"x.{extension}", ramp))
    assert len(np.unique(image.numpy())) == 4096
    np.testing.assert_array_equal(image[0].numpy(), ramp)
    assert image.meta["stored_max"] == 65535
    repeated = LoadSlice(color="as_stored")(tmp_path / f"x.{extension}")
    np.testing.assert_array_equal(repeated.numpy(), np.stack([ramp] * 3))


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_16_bit_tiff_of_either_byte_order(tmp_path: Path, byteorder: Literal["<", ">"]) -> None:
    pixels = np.array([[0, 1, 255], [256, 4095, 65535]], np.uint16)
    tifffile.imwrite(tmp_path / "x.tif", pixels, byteorder=byteorder)
    np.testing.assert_array_equal(LoadSlice()(tmp_path / "x.tif")[0].numpy(), pixels)


def test_float_tiff_in_0_to_1(tmp_path: Path) -> None:
    pixels = np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3)
    image = LoadSlice()(save(tmp_path / "x.tif", pixels))
    np.testing.assert_array_equal(image[0].numpy(), pixels)
    assert image.meta["stored_max"] == 1


@pytest.mark.parametrize("values", [(-0.5, 0.5), (0, 2), (0, np.nan)])
def test_other_floats_are_refused(tmp_path: Path, values: tuple[float, float]) -> None:
    path = save(tmp_path / "x.tif", np.array([values], np.float32))
    with pytest.raises(ImageReadError, match=r"x\.tif: found float values from .* expected 0\.\.1"):
        LoadSlice()(path)


def test_one_bit(tmp_path: Path) -> None:
    image = LoadSlice()(save(tmp_path / "x.png", GREY > 100))
    np.testing.assert_array_equal(image[0].numpy(), GREY > 100)
    assert image.meta["stored_max"] == 1


@pytest.mark.parametrize("pixels", [GREY[..., None], np.repeat(GREY[..., None], 3, axis=-1)])
def test_alpha_is_never_intensity(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    path = save(tmp_path / "x.png", np.concatenate([pixels, alpha_like(GREY)], axis=-1))
    with Image.open(path) as stored:
        assert stored.mode in ("LA", "RGBA")
    np.testing.assert_array_equal(LoadSlice()(path)[0].numpy(), GREY)
    np.testing.assert_array_equal(LoadSlice(color="as_stored")(path).numpy(), np.stack([GREY] * 3))


@pytest.mark.parametrize("transparent", [False, True])
def test_palette_of_greys(tmp_path: Path, transparent: bool) -> None:
    paletted = Image.fromarray(255 - GREY).convert("P")
    paletted.putpalette([level for entry in range(256) for level in [255 - entry] * 3])
    options: dict[str, Any] = {"transparency": bytes(range(256))} if transparent else {}
    paletted.save(tmp_path / "x.png", **options)
    with Image.open(tmp_path / "x.png") as stored:
        assert stored.mode == "P"
    np.testing.assert_array_equal(LoadSlice()(tmp_path / "x.png")[0].numpy(), GREY)


def test_bone_coloured_rgba_gives_back_every_intensity(tmp_path: Path) -> None:
    intensity = np.random.default_rng(0).permutation(256).astype(np.uint8).reshape(8, 32)
    alpha = np.full((8, 32, 1), 255, np.uint8)
    path = save(tmp_path / "x.png", np.concatenate([bone_lut()[intensity], alpha], axis=-1))
    image = LoadSlice()(path)
    assert image.shape == (1, 8, 32)
    np.testing.assert_array_equal(image[0].numpy(), intensity)
    as_stored = LoadSlice(color="as_stored")(path)
    np.testing.assert_array_equal(as_stored.numpy(), np.moveaxis(bone_lut()[intensity], -1, 0))


def test_bone_coloured_palette(tmp_path: Path) -> None:
    paletted = Image.fromarray(GREY).convert("P")
    paletted.putpalette(bone_lut().tobytes())
    paletted.save(tmp_path / "x.png")
    np.testing.assert_array_equal(LoadSlice()(tmp_path / "x.png")[0].numpy(), GREY)


def test_bone_coloured_jpeg(tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:64, 0:64]
    intensity = (rows + 3 * columns).astype(np.uint8)[:, :60]
    image = LoadSlice()(save(tmp_path / "x.jpg", bone_lut()[intensity], quality=90))
    assert np.abs(image[0].numpy() - intensity).mean() < 2


def test_grey_jpeg_stored_as_rgb(tmp_path: Path) -> None:
    path = save(tmp_path / "x.jpg", np.repeat(GREY[..., None], 3, axis=-1), quality=95)
    with Image.open(path) as stored:
        assert stored.mode == "RGB"
    assert np.abs(LoadSlice()(path)[0].numpy() - GREY).max() <= 5


def test_colours_are_not_read_as_intensity(tmp_path: Path) -> None:
    marked = np.repeat(np.full((5, 6, 1), 90, np.uint8), 3, axis=-1)
    marked[3, 4] = (255, 0, 0)
    path = save(tmp_path / "x.png", marked)
    with pytest.raises(ImageReadError, match=r"RGB \(255, 0, 0\) at row 3, column 4.*as_stored"):
        LoadSlice()(path)


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.tif"])
def test_an_image_stored_on_its_side_is_refused(tmp_path: Path, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 1
    assert LoadSlice()(save(tmp_path / name, GREY, exif=exif)).shape == (1, 3, 4)
    exif[0x0112] = 6
    with pytest.raises(ImageReadError, match="found EXIF orientation 6"):
        LoadSlice()(save(tmp_path / name, GREY, exif=exif))


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
        LoadSlice()(path)
    assert str(path) in str(error.value)


def test_a_folder_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(ImageReadError, match="found a folder"):
        LoadSlice()(tmp_path)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("extension", ["png", "jpg", "tif", "bmp"])
def test_a_truncated_file_is_never_read_in_part(tmp_path: Path, extension: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)
    path = save(tmp_path / f"x.{extension}", noise)
    whole, content = LoadSlice()(path), path.read_bytes()
    refused = 0
    for fraction in np.linspace(0.02, 0.98, 25):
        path.write_bytes(content[: int(len(content) * fraction)])
        try:
            assert torch.equal(LoadSlice()(path), whole)
        except ImageReadError:
            refused += 1
    assert refused >= 24


@pytest.mark.parametrize("extension", ["tif", "png"])
def test_several_frames(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"x.{extension}"
    Image.fromarray(GREY).save(path, save_all=True, append_images=[Image.fromarray(GREY.T.copy().reshape(3, 4))])
    with pytest.raises(ImageReadError, match=r"found 2 frames .*Save each frame"):
        LoadSlice()(path)


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
        LoadSlice()(path)


@pytest.mark.parametrize(("color_type", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_16_bit_png_with_colour_or_alpha_is_refused(tmp_path: Path, color_type: int, channels: int) -> None:
    header = struct.pack(">IIBBBBB", 5, 4, 16, color_type, 0, 0, 0)  # width, height, bit depth, ...
    rows = (b"\0" + bytes(5 * channels * 2)) * 4  # each row begins with its filter
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(ImageReadError, match=r"found PNG pixels of type .*;16B"):
        LoadSlice()(tmp_path / "x.png")


def test_cmyk_is_refused(tmp_path: Path) -> None:
    Image.new("CMYK", (4, 5)).save(tmp_path / "x.jpg")
    with pytest.raises(ImageReadError, match="found JPEG pixels of type CMYK"):
        LoadSlice()(tmp_path / "x.jpg")


def test_white_as_zero(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", 255 - GREY, photometric="miniswhite")
    np.testing.assert_array_equal(LoadSlice()(tmp_path / "x.tif")[0].numpy(), GREY)
    tifffile.imwrite(tmp_path / "z.tif", GREY > 100, photometric="miniswhite")
    np.testing.assert_array_equal(LoadSlice()(tmp_path / "z.tif")[0].numpy(), GREY <= 100)
    tifffile.imwrite(tmp_path / "y.tif", 65535 - GREY.astype(np.uint16), photometric="miniswhite")
    np.testing.assert_array_equal(LoadSlice()(tmp_path / "y.tif")[0].numpy(), GREY)


def test_unknown_color_is_answered_with_the_options() -> None:
    with pytest.raises(ValueError, match="intensity"):
        LoadSlice(color="intensty")


def test_the_dictionary_transform_equals_the_array_transform(tmp_path: Path) -> None:
    path = save(tmp_path / "x.png", RGB)
    data: dict[Hashable, Any] = {"image": str(path), "label": None}
    loaded = LoadSliced("image", color="as_stored")(data)
    assert torch.equal(loaded["image"], LoadSlice(color="as_stored")(path))
    assert loaded["label"] is None
    assert data["image"] == str(path)  # the input is left as it was
    with pytest.raises(KeyError):
        LoadSliced("other")(data)
    assert LoadSliced("other", allow_missing_keys=True)(data) == data


def test_slices_are_collated_with_their_meta_data(tmp_path: Path) -> None:
    items = [{"image": str(save(tmp_path / f"{k}.png", GREY + np.uint8(k)))} for k in range(3)]
    [batch] = DataLoader(Dataset(items, LoadSliced("image")), batch_size=3)
    assert batch["image"].shape == (3, 1, 3, 4)
    assert batch["image"].meta["filename_or_obj"] == [item["image"] for item in items]
