"""DICOM that cannot be one volume: every case is told in one sentence, and nothing of the patient with it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread, uid
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate, generate_frames

from monai_sar.scans import ScanError, read_scan

Writer = Callable[..., NDArray[np.int64]]
Edit = Callable[[FileDataset, int], None]


def move(ds: FileDataset, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> None:
    ds.ImagePositionPatient = [f"{float(p) + d:.4f}" for p, d in zip(ds.ImagePositionPatient, (x, y, z), strict=True)]


def missing_slice(ds: FileDataset, index: int) -> None:
    move(ds, z=3.0 if index >= 3 else 0.0)


def duplicate_position(ds: FileDataset, index: int) -> None:
    move(ds, z=-3.0 if index == 3 else 0.0)


def all_positions_twice(ds: FileDataset, index: int) -> None:
    move(ds, z=-3.0 * (index - index // 2))


def uneven_spacing(ds: FileDataset, index: int) -> None:
    move(ds, z=0.4 if index == 2 else 0.0)


def spacing_that_changes_slowly(ds: FileDataset, index: int) -> None:
    move(ds, z=0.05 * index**2)


def gantry_tilt(ds: FileDataset, index: int) -> None:
    move(ds, y=0.6 * index)


def bent_stack(ds: FileDataset, index: int) -> None:
    move(ds, x=0.5 if index == 2 else 0.0)


def mixed_orientation(ds: FileDataset, index: int) -> None:
    if index == 4:
        ds.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]


def orientation_not_at_right_angles(ds: FileDataset, index: int) -> None:
    ds.ImageOrientationPatient = ["1", "0", "0", "0.6", "0.8", "0"]


def orientation_not_of_unit_length(ds: FileDataset, index: int) -> None:
    ds.ImageOrientationPatient = ["2", "0", "0", "0", "1", "0"]


def mixed_size(ds: FileDataset, index: int) -> None:
    if index == 1:
        ds.Rows, ds.Columns = ds.Columns, ds.Rows


def mixed_pixel_spacing(ds: FileDataset, index: int) -> None:
    if index == 1:
        ds.PixelSpacing = ["0.7", "0.95"]


def no_pixel_spacing(ds: FileDataset, index: int) -> None:
    del ds.PixelSpacing


def zero_pixel_spacing(ds: FileDataset, index: int) -> None:
    ds.PixelSpacing = ["0", "0"]


def no_position(ds: FileDataset, index: int) -> None:
    del ds.ImagePositionPatient


def no_pixels(ds: FileDataset, index: int) -> None:
    del ds.PixelData


def no_rows(ds: FileDataset, index: int) -> None:
    del ds.Rows


def no_rows_and_no_pixels(ds: FileDataset, index: int) -> None:
    del ds.Rows, ds.PixelData


def no_bits_stored(ds: FileDataset, index: int) -> None:
    del ds.BitsStored


def no_photometric(ds: FileDataset, index: int) -> None:
    del ds.PhotometricInterpretation


def many_frames_at_one_place(ds: FileDataset, index: int) -> None:
    ds.NumberOfFrames, ds.PixelData = 2, ds.PixelData * 2


def fewer_than_no_frames(ds: FileDataset, index: int) -> None:
    ds.NumberOfFrames = -5


def more_frames_than_bytes(ds: FileDataset, index: int) -> None:
    ds.NumberOfFrames = 1_000_000_000


def far_apart(ds: FileDataset, index: int) -> None:
    ds.ImagePositionPatient = ["0", "0", f"{index}e30"]


def mosaic(ds: FileDataset, index: int) -> None:
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]


def counted_mosaic(ds: FileDataset, index: int) -> None:
    ds.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", 36)


def label_map(ds: FileDataset, index: int) -> None:
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = uid.UID("1.2.840.10008.5.1.4.1.1.66.7")


def all_padding(ds: FileDataset, index: int) -> None:
    ds.PixelPaddingValue, ds.PixelPaddingRangeLimit = 0, 4095


def short_pixels(ds: FileDataset, index: int) -> None:
    if index == 2:
        ds.PixelData = ds.PixelData[:-20]


def constant(ds: FileDataset, index: int) -> None:
    ds.PixelData = b"\7\0" * (ds.Rows * ds.Columns)


def zero_slope(ds: FileDataset, index: int) -> None:
    ds.RescaleSlope = "0"


def colour(ds: FileDataset, index: int) -> None:
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8, 8, 7
    ds.PixelData = bytes(ds.Rows * ds.Columns * 3)


def localizers_only(ds: FileDataset, index: int) -> None:
    ds.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]


def film(ds: FileDataset, index: int) -> None:
    ds.file_meta.TransferSyntaxUID = uid.MPEG4HP41
    ds.PixelData = encapsulate([bytes(64)])
    ds["PixelData"].VR = "OB"


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (missing_slice, r"slices are missing: a gap of 6.000 mm between 116.000 and 122.000 mm.*so 1 are"),
        (duplicate_position, "5 slices lie at 4 positions .first double: 116.000 mm"),
        (all_positions_twice, "5 slices lie at 3 positions"),
        (uneven_spacing, "unevenly spaced, from 2.600 to 3.400 mm"),
        (spacing_that_changes_slowly, "unevenly spaced"),
        (gantry_tilt, r"gantry tilt.*0.600 mm sideways per 3.000 mm \(11.3 degrees\)"),
        (bent_stack, "mm beside a straight line"),
        (mixed_orientation, "different orientations .2 found"),
        (orientation_not_at_right_angles, "not at right angles"),
        (orientation_not_of_unit_length, "direction of length 2"),
        (mixed_size, "different sizes .10 x 8, 8 x 10 pixels"),
        (mixed_pixel_spacing, "different PixelSpacing"),
        (no_pixel_spacing, "no PixelSpacing"),
        (zero_pixel_spacing, "PixelSpacing is not positive"),
        (no_position, "5 x image without a position in the patient"),
        (no_pixels, "its header is whole, but no pixel data follows"),
        (no_rows, "has no Rows or Columns, though it has pixel data"),
        (no_rows_and_no_pixels, "a header alone or truncated"),
        (no_bits_stored, "its header has no BitsStored"),
        (no_photometric, "5 x image without PhotometricInterpretation"),
        (fewer_than_no_frames, "says that it has -5 frames"),
        (more_frames_than_bytes, "says that it has 1000000000 frames"),
        (far_apart, "reach 4e.30 mm, which is no place in a patient"),
        (mosaic, "5 x Siemens mosaic .slices as the tiles of one picture; convert it with dcm2niix"),
        (counted_mosaic, "5 x Siemens mosaic"),
        (label_map, "5 x segmentation"),
        (all_padding, "every voxel holds the Pixel Padding Value"),
        (short_pixels, "cannot be read as Explicit VR Little Endian pixel data"),
        (constant, "every voxel is -1010"),
        (zero_slope, "RescaleSlope is 0"),
        (colour, r"5 x colour image \(RGB\)"),
        (localizers_only, "5 x localizer"),
        (film, "no decoder is known for MPEG-4"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_is_told_not_stacked(
    tmp_path: Path, write_series: Writer, assert_no_secret: Callable[[str], None], edit: Edit, told: str
) -> None:
    write_series(tmp_path / "series", edit=edit)
    with pytest.raises(ScanError, match=told) as error:
        read_scan(tmp_path / "series")
    message = str(error.value)
    assert message.startswith(str(tmp_path / "series"))
    assert message.count("\n") == 0
    assert_no_secret(message)


def test_many_frames_at_one_place_are_told(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path, shape=(1, 8, 10), edit=many_frames_at_one_place)
    with pytest.raises(ScanError, match="has 2 frames but no functional groups, so one position stands for all"):
        read_scan(tmp_path)


@pytest.mark.parametrize("kept", [0.98, 0.6])
@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.RLELossless, uid.JPEG2000Lossless])
def test_a_file_cut_short_is_told(tmp_path: Path, write_series: Writer, syntax: uid.UID, kept: float) -> None:
    write_series(tmp_path, shape=(3, 40, 48), syntax=syntax)
    path = sorted(tmp_path.iterdir())[1]
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(ScanError, match=f"{path.name}.*(ends early|no pixel data follows|cannot be read as)"):
        read_scan(tmp_path)


@pytest.mark.parametrize("size", [300, 700])
def test_a_file_cut_in_its_header_is_told(tmp_path: Path, write_series: Writer, size: int) -> None:
    write_series(tmp_path)
    path = sorted(tmp_path.iterdir())[1]
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ScanError, match=f"{path.name}.*truncated"):
        read_scan(tmp_path)


def cut_code_stream(path: Path) -> None:
    """Leave nine tenths of a compressed frame in a file that is whole in itself."""
    ds = dcmread(path)
    frame = next(generate_frames(ds.PixelData, number_of_frames=1))
    ds.PixelData = encapsulate([frame[: len(frame) * 9 // 20 * 2]])
    ds.save_as(path)


@pytest.mark.parametrize("syntax", [uid.JPEGLSLossless, uid.JPEG2000Lossless, uid.RLELossless])
def test_a_compressed_frame_cut_short_is_told(tmp_path: Path, write_series: Writer, syntax: uid.UID) -> None:
    write_series(tmp_path, shape=(3, 40, 48), syntax=syntax)
    path = sorted(tmp_path.iterdir())[1]
    cut_code_stream(path)
    with pytest.raises(ScanError, match=f"{path.name}.*(ends early|cannot be read as)"):
        read_scan(tmp_path)


def test_a_lost_sector_of_jpeg_2000_is_told(tmp_path: Path, write_series: Writer) -> None:
    """Its decoders make a picture of anything."""
    write_series(tmp_path, shape=(3, 40, 48), syntax=uid.JPEG2000Lossless)
    path = sorted(tmp_path.iterdir())[1]
    ds = dcmread(path)
    frame = next(generate_frames(ds.PixelData, number_of_frames=1))
    ds.PixelData = encapsulate([frame[:700] + bytes(512) + frame[1212:]])
    ds.save_as(path)
    with pytest.raises(ScanError, match=f"{path.name}: JPEG 2000.* data of frame 1 holds 512 zero bytes in a row"):
        read_scan(tmp_path)


def test_jpeg_lossless_cut_short_is_told(
    tmp_path: Path, write_series: Writer, to_jpeg_lossless: Callable[[Path], None]
) -> None:
    """Its decoders fill the rest with the last value and say nothing."""
    write_series(tmp_path, shape=(3, 40, 48))
    path = sorted(tmp_path.iterdir())[1]
    to_jpeg_lossless(path)
    cut_code_stream(path)
    with pytest.raises(ScanError, match=f"{path.name}: JPEG Lossless.* data of frame 1 ends early"):
        read_scan(tmp_path)


def test_malformed_number_in_the_header_is_told(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path)
    path = sorted(tmp_path.iterdir())[1]
    content = path.read_bytes()
    at = content.index(b"\x20\x00\x32\x00DS") + 8  # the value of Image Position (Patient)
    path.write_bytes(content[:at] + b"abc" + content[at + 3 :])
    with pytest.raises(ScanError, match=path.name):
        read_scan(tmp_path)


@pytest.mark.parametrize(
    ("keyword", "kind", "value"),
    [("PerFrameFunctionalGroupsSequence", "UL", 3), ("ImageType", "SQ", [Dataset()]), ("Rows", "SQ", [])],
)
def test_a_value_for_a_sequence_and_a_sequence_for_a_value_are_told(
    tmp_path: Path, write_multi_frame: Writer, keyword: str, kind: str, value: Any
) -> None:
    def edit(ds: FileDataset, index: int) -> None:
        ds[keyword] = DataElement(tag_for_keyword(keyword) or 0, kind, value)

    write_multi_frame(tmp_path / "scan.dcm", edit=edit)
    with pytest.raises(ScanError, match="cannot be read as DICOM"):
        read_scan(tmp_path / "scan.dcm")


def test_a_number_for_the_image_type_says_nothing(tmp_path: Path, write_multi_frame: Writer) -> None:
    def edit(ds: FileDataset, index: int) -> None:
        ds["ImageType"] = DataElement(0x00080008, "UL", 7)

    write_multi_frame(tmp_path / "scan.dcm", edit=edit)
    assert read_scan(tmp_path / "scan.dcm").modality == "MR"
