"""Pixels that are padding, and compressed frames that decoders find odd."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import jpeg_ls
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread, uid
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate, generate_frames

from monai_sar.scans import ScanError, read_scan

Writer = Callable[..., NDArray[np.int64]]


@pytest.mark.parametrize("modality", ["CT", "MR"])
@pytest.mark.parametrize("value", [63536, 4095])
def test_padding_has_the_lowest_value_of_the_image(
    tmp_path: Path, write_series: Writer, modality: str, value: int
) -> None:
    """Whether a scanner wrote -2000 as 63536, or took a value above all others."""

    def pad(ds: FileDataset, index: int) -> None:
        stored = np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns) // 2 + 100
        stored[:2] = value
        ds.PixelRepresentation = 1
        ds.add_new("PixelPaddingValue", "US", value)
        ds.BitsStored, ds.HighBit = 16, 15
        ds.PixelData = stored.astype("<u2").tobytes()

    stored = write_series(tmp_path, modality=modality, edit=pad) // 2 + 100
    values = (stored * 2 - 1024 if modality == "CT" else stored).astype(np.float32)
    values[:, :2] = values[:, 2:].min()
    scan = read_scan(tmp_path)
    np.testing.assert_array_equal(scan.image.numpy()[0], values.transpose(2, 1, 0))
    assert [note for note in scan.notes if note.startswith("100 voxels hold the Pixel Padding Value")]


def test_a_range_of_padding(tmp_path: Path, write_series: Writer) -> None:
    def pad(ds: FileDataset, index: int) -> None:
        ds.PixelPaddingValue, ds.PixelPaddingRangeLimit = 3000, 2000

    stored = write_series(tmp_path, modality="MR", edit=pad)
    padding = (stored >= 2000) & (stored <= 3000)
    expected = np.where(padding, stored[~padding].min(), stored)
    np.testing.assert_array_equal(read_scan(tmp_path).image.numpy()[0], expected.transpose(2, 1, 0))


def edit_frame(path: Path, edit: Callable[[bytes], bytes]) -> None:
    ds = dcmread(path)
    ds.PixelData = encapsulate([edit(next(generate_frames(ds.PixelData, number_of_frames=1)))])
    ds.save_as(path)


@pytest.mark.parametrize("syntax", [uid.JPEGLSLossless, uid.JPEG2000Lossless])
@pytest.mark.parametrize("pad", [b"\0", b" ", b"\0\0\0\0", b"\xff\xff"])
def test_bytes_after_the_end_marker_are_padding(
    tmp_path: Path, write_series: Writer, syntax: uid.UID, pad: bytes
) -> None:
    stored = write_series(tmp_path, modality="MR", syntax=syntax, shape=(2, 40, 48))
    for path in tmp_path.iterdir():
        edit_frame(path, lambda frame: frame.rstrip(b"\0") + pad)
    np.testing.assert_array_equal(read_scan(tmp_path).image.numpy()[0], stored.transpose(2, 1, 0))


def test_where_a_decoder_fails_the_next_one_goes_on(
    tmp_path: Path, write_series: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = write_series(tmp_path, modality="MR", syntax=uid.JPEGLSLossless, shape=(3, 40, 48))

    def refuse(source: bytes) -> None:
        raise RuntimeError("a variant that is not supported")

    monkeypatch.setattr(jpeg_ls, "decode_pixel_data", refuse)
    np.testing.assert_array_equal(read_scan(tmp_path).image.numpy()[0], stored.transpose(2, 1, 0))


@pytest.mark.parametrize("syntax", [uid.JPEGLSLossless, uid.JPEG2000Lossless])
def test_what_no_decoder_takes_is_to_be_converted(tmp_path: Path, write_series: Writer, syntax: uid.UID) -> None:
    write_series(tmp_path, syntax=syntax, shape=(2, 40, 48))
    path = sorted(tmp_path.iterdir())[0]
    edit_frame(path, lambda frame: frame[:2] + bytes(40) + frame[42:])
    with pytest.raises(ScanError, match=f"{path.name}: frame 1 cannot be decoded .* convert the file"):
        read_scan(tmp_path)


@pytest.mark.parametrize("at", [0.2, 0.5, 0.8])
def test_damaged_jpeg_ls_is_not_left_to_a_decoder_that_makes_nonsense_of_it(
    tmp_path: Path, write_series: Writer, at: float
) -> None:
    write_series(tmp_path, syntax=uid.JPEGLSLossless, shape=(2, 40, 48))
    path = sorted(tmp_path.iterdir())[0]

    def damage(frame: bytes) -> bytes:
        place = int(at * len(frame))
        return frame[:place] + bytes(20) + frame[place + 20 :]

    edit_frame(path, damage)
    with pytest.raises(ScanError, match=f"{path.name}: frame 1 cannot be decoded"):
        read_scan(tmp_path)


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.RLELossless], ids=lambda syntax: syntax.keyword)
def test_a_size_that_the_file_does_not_hold_takes_no_memory(
    tmp_path: Path, write_series: Writer, syntax: uid.UID
) -> None:
    write_series(tmp_path, syntax=syntax)
    for file in tmp_path.iterdir():
        ds = dcmread(file)
        ds.Rows = ds.Columns = 65_535
        ds.save_as(file)
    tracemalloc.start()
    with pytest.raises(ScanError):
        read_scan(tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()
