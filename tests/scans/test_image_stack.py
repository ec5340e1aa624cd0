"""PNG, JPEG and TIFF slices: axes, bit depth, order of a stack, and what is refused."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from monai.transforms.spatial.array import Orientation
from numpy.typing import NDArray
from PIL import Image

from monai_sar.scans import ScanError, read_scan


@pytest.fixture
def stack() -> NDArray[np.uint16]:
    """``[slices, rows, columns]``, 16 bit."""
    return np.random.default_rng(0).integers(0, 65536, (12, 5, 7)).astype(np.uint16)


def save(path: Path, pixels: NDArray[Any]) -> None:
    Image.fromarray(pixels).save(path)


def write_png16_rgb(path: Path) -> None:
    """A 16-bit colour PNG, which Pillow cannot write (and reads as 8 bit)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" + bytes(range(12)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))


def test_pls_orientation_gives_rows_columns_slices_as_displayed(tmp_path: Path, stack: NDArray[np.uint16]) -> None:
    for index, pixels in enumerate(stack):
        save(tmp_path / f"slice_{index}.png", pixels)
    scan = read_scan(tmp_path, spacing=(0.7, 0.9, 3.0))
    assert scan.image.shape == (1, 7, 5, 12)
    np.testing.assert_allclose(scan.image.affine.numpy(), np.diag([-0.7, -0.9, 3.0, 1.0]))
    displayed = Orientation("PLS")(scan.image)
    np.testing.assert_array_equal(np.asarray(displayed)[0], stack.transpose(1, 2, 0))
    assert (scan.kind, scan.slice_axis, scan.modality, scan.notes) == ("slices", 2, None, ())


def test_order_is_natural(tmp_path: Path, stack: NDArray[np.uint16]) -> None:
    for index, pixels in enumerate(stack):  # 0, 1, 10, 11, 2, ... as text
        save(tmp_path / f"IM-7-{index}.png", pixels)
    image = read_scan(tmp_path, spacing=(1, 1, 1)).image
    np.testing.assert_array_equal(image.numpy()[0], stack.transpose(2, 1, 0))


@pytest.mark.parametrize("name", ["one.png", "one.tif", "one.TIFF"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_one_slice_keeps_its_values(tmp_path: Path, name: str, dtype: type[np.unsignedinteger[Any]]) -> None:
    pixels = np.arange(35).reshape(5, 7).astype(dtype) * np.iinfo(dtype).max // 35
    save(tmp_path / name, pixels.astype(dtype))
    scan = read_scan(tmp_path / name)
    np.testing.assert_array_equal(scan.image.numpy()[0, :, :, 0], pixels.T)
    assert [note for note in scan.notes if "1 mm was taken" in note]
    assert not read_scan(tmp_path / name, spacing=(1, 1, 1)).notes


def test_float_tiff_is_kept(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    tifffile.imwrite(tmp_path / "one.tif", pixels)
    np.testing.assert_array_equal(read_scan(tmp_path / "one.tif").image.numpy()[0, :, :, 0], pixels.T)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_with_white_as_zero_is_turned_round(tmp_path: Path, dtype: type[np.unsignedinteger[Any]]) -> None:
    pixels = np.arange(35).reshape(5, 7).astype(dtype)
    tifffile.imwrite(tmp_path / "one.tif", pixels, photometric="miniswhite")
    image = read_scan(tmp_path / "one.tif").image
    np.testing.assert_array_equal(image.numpy()[0, :, :, 0], np.iinfo(dtype).max - pixels.T.astype(int))


def test_multi_page_tiff_is_a_stack(tmp_path: Path, stack: NDArray[np.uint16]) -> None:
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
    with pytest.raises(ScanError, match=r"stack of 12 slices.*give spacing="):
        read_scan(tmp_path / "stack.tif")
    scan = read_scan(tmp_path / "stack.tif", spacing=(1, 1, 2))
    np.testing.assert_array_equal(scan.image.numpy()[0], stack.transpose(2, 1, 0))


def test_grey_values_stored_as_colour_are_grey(tmp_path: Path) -> None:
    grey = np.arange(35, dtype=np.uint8).reshape(5, 7)
    Image.fromarray(grey).convert("RGB").save(tmp_path / "rgb.png")
    Image.fromarray(grey).convert("RGBA").save(tmp_path / "rgba.png")
    Image.fromarray(grey).convert("P").save(tmp_path / "palette.png")
    for name in ("rgb", "rgba", "palette"):
        image = read_scan(tmp_path / f"{name}.png").image
        np.testing.assert_array_equal(image.numpy()[0, :, :, 0], grey.T)


def test_jpeg_is_read(tmp_path: Path) -> None:
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(tmp_path / "one.jpeg", quality=95)
    image = read_scan(tmp_path / "one.jpeg").image
    np.testing.assert_allclose(image.numpy()[0, :, :, 0], np.arange(64).reshape(8, 8).T, atol=4)


def test_colour_is_told_or_read_as_stored(tmp_path: Path) -> None:
    colour = np.random.default_rng(0).integers(0, 255, (5, 7, 3)).astype(np.uint8)
    save(tmp_path / "colour.png", colour)
    with pytest.raises(ScanError, match=r"colour.png: found colours, such as RGB"):
        read_scan(tmp_path / "colour.png")
    np.testing.assert_array_equal(
        read_scan(tmp_path / "colour.png", color="as_stored").image[..., 0].permute(2, 1, 0), colour
    )


def test_sixteen_bit_colour_is_told_not_cut_to_eight(tmp_path: Path) -> None:
    write_png16_rgb(tmp_path / "deep.png")
    tifffile.imwrite(tmp_path / "deep.tif", np.zeros((5, 7, 3), np.uint16), photometric="rgb")
    for name in ("deep.png", "deep.tif"):
        with pytest.raises(ScanError, match=f"{name}: found .* pixels of type RGB;16"):
            read_scan(tmp_path / name)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["1", "2", "4"], "go from 2 to 4, elsewhere in steps of 1"),
        (["s1", "s01", "s2"], "go from 1 to 1"),
        (["A1B2", "A3C4", "A5D6"], "do not say the order"),
        (["p1_s1", "p1_s2", "p2_s1"], "do not say the order"),
        (["a", "b", "c"], "do not say the order"),
    ],
)
def test_names_that_leave_the_order_open_are_told(tmp_path: Path, names: list[str], told: str) -> None:
    for index, name in enumerate(names):
        save(tmp_path / f"{name}.png", np.arange(6, dtype=np.uint8).reshape(2, 3) + index)
    with pytest.raises(ScanError, match=told):
        read_scan(tmp_path, spacing=(1, 1, 1))


def test_stack_without_spacing_and_mixed_sizes_are_told(tmp_path: Path) -> None:
    save(tmp_path / "1.png", np.arange(6, dtype=np.uint8).reshape(2, 3))
    save(tmp_path / "2.png", np.arange(6, dtype=np.uint8).reshape(2, 3))
    with pytest.raises(ScanError, match=r"stack of 2 slices.*give spacing="):
        read_scan(tmp_path)
    save(tmp_path / "3.png", np.arange(6, dtype=np.uint8).reshape(3, 2))
    with pytest.raises(ScanError, match=r"different sizes \(3 x 2, 2 x 3 pixels"):
        read_scan(tmp_path, spacing=(1, 1, 1))


@pytest.mark.parametrize("name", ["one.png", "one.jpg", "one.tif"])
@pytest.mark.parametrize("kept", [0.0, 0.3, 0.8])
def test_truncated_images_are_told(tmp_path: Path, name: str, kept: float) -> None:
    save(tmp_path / name, np.random.default_rng(0).integers(0, 255, (40, 40)).astype(np.uint8))
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(ScanError, match=f"{name}: .*cannot be read as an image|{name}: found zero bytes"):
        read_scan(tmp_path / name)


def test_constant_slice_is_told(tmp_path: Path) -> None:
    save(tmp_path / "black.png", np.zeros((5, 7), np.uint8))
    with pytest.raises(ScanError, match="every voxel is 0"):
        read_scan(tmp_path / "black.png")
