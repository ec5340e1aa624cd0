"""Folders of several DICOM series: the image series is chosen, or the choice is asked for."""

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread, uid
from pydicom.dataset import FileDataset

from monai_sar.scans import ScanError, read_scan

Writer = Callable[..., NDArray[np.int64]]


def localizer(ds: FileDataset, index: int) -> None:
    ds.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]


def secondary_capture(ds: FileDataset, index: int) -> None:
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = uid.SecondaryCaptureImageStorage
    del ds.ImagePositionPatient, ds.ImageOrientationPatient


def three_planes(ds: FileDataset, index: int) -> None:
    ds.ImageOrientationPatient = [[1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1], [0, 1, 0, 0, 0, -1]][index]


def report(ds: FileDataset, index: int) -> None:
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = uid.BasicTextSRStorage
    ds.Modality = "SR"
    del ds.Rows, ds.Columns, ds.PixelData, ds.ImagePositionPatient


@pytest.mark.parametrize(
    ("edit", "note"),
    [
        (localizer, "left out: 3 x localizer"),
        (secondary_capture, "left out: 3 x secondary capture"),
        (report, "left out: 3 x object without an image"),
        (three_planes, "left out: series 2: CT, 3 slice(s) of 10 x 8"),
    ],
)
def test_what_is_no_volume_is_left_out_with_a_note(
    tmp_path: Path,
    write_series: Writer,
    assert_no_secret: Callable[[str], None],
    edit: Callable[[FileDataset, int], None],
    note: str,
) -> None:
    write_series(tmp_path, number=1)
    alone = read_scan(tmp_path)
    write_series(tmp_path, number=2, shape=(3, 8, 10), edit=edit)
    scan = read_scan(tmp_path)
    np.testing.assert_array_equal(scan.image.numpy(), alone.image.numpy())
    assert scan.sha256 == alone.sha256
    assert [found for found in scan.notes if found.startswith(note)]
    assert_no_secret(repr(scan.notes))


def test_a_localizer_inside_the_series_is_left_out(tmp_path: Path, write_series: Writer) -> None:
    def first_is_localizer(ds: FileDataset, index: int) -> None:
        if index == 0:
            ds.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
            ds.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]

    write_series(tmp_path, edit=first_is_localizer)
    scan = read_scan(tmp_path)
    assert scan.image.shape == (1, 10, 8, 4)
    assert scan.notes == ("left out: 1 x localizer",)


def test_two_volumes_are_listed_and_one_can_be_named(
    tmp_path: Path, write_series: Writer, assert_no_secret: Callable[[str], None]
) -> None:
    write_series(tmp_path, number=1)
    second = write_series(tmp_path, number=2, modality="MR", shape=(4, 6, 7))
    with pytest.raises(ScanError, match="holds 2 image series, choose one with series_uid") as error:
        read_scan(tmp_path)
    message = str(error.value)
    assert "series 1: CT, 5 slice(s) of 10 x 8, UID " in message
    assert "series 2: MR, 4 slice(s) of 7 x 6, UID " in message
    assert_no_secret(message)
    series_uid = message.split("series 2: MR, 4 slice(s) of 7 x 6, UID ")[1].split(";")[0].rstrip(".")
    scan = read_scan(tmp_path, series_uid=series_uid)
    np.testing.assert_array_equal(scan.image.numpy()[0], second.transpose(2, 1, 0))
    assert scan.notes == ("left out: 5 x image or object of another series",)


def test_unknown_series_uid_is_told(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path)
    with pytest.raises(ScanError, match=r"SeriesInstanceUID 1\.2\.3.*5 x image or object of another series"):
        read_scan(tmp_path, series_uid="1.2.3")


def test_a_broken_series_is_not_passed_over_for_a_smaller_one(tmp_path: Path, write_series: Writer) -> None:
    def last_is_turned(ds: FileDataset, index: int) -> None:
        if index == 4:
            ds.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]

    write_series(tmp_path, number=1, edit=last_is_turned)
    write_series(tmp_path, number=2, shape=(2, 8, 10))
    with pytest.raises(ScanError, match="holds 2 image series"):
        read_scan(tmp_path)


def test_identical_copies_are_left_out_but_changed_ones_are_not(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path)
    alone = read_scan(tmp_path)
    original = sorted(tmp_path.iterdir())[0]
    shutil.copy(original, tmp_path / "copy")
    scan = read_scan(tmp_path)
    assert scan.sha256 == alone.sha256
    assert scan.notes == ("left out: 1 x identical copy of a file",)
    ds = dcmread(original)
    ds.RescaleIntercept = "5"
    ds.save_as(tmp_path / "copy")
    with pytest.raises(ScanError, match="are the same instance .* with different bytes, as from two exports"):
        read_scan(tmp_path)


def test_slices_that_an_anonymiser_gave_one_instance_uid_are_still_slices(tmp_path: Path, write_series: Writer) -> None:
    def one_uid(ds: FileDataset, index: int) -> None:
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = uid.UID("1.2.3")

    write_series(tmp_path, edit=one_uid)
    assert read_scan(tmp_path).image.shape == (1, 10, 8, 5)


def test_a_concatenation_of_one_part_is_whole(tmp_path: Path, write_multi_frame: Writer) -> None:
    def whole(ds: FileDataset, index: int) -> None:
        ds.ConcatenationUID, ds.InConcatenationNumber, ds.InConcatenationTotalNumber = "1.2.3.4", 1, 1

    write_multi_frame(tmp_path / "scan", edit=whole)
    assert read_scan(tmp_path / "scan").image.shape == (1, 10, 8, 4)


def test_a_damaged_file_of_another_series_is_left_out_if_one_is_named(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path, number=1)
    wanted = dcmread(next(tmp_path.iterdir())).SeriesInstanceUID
    alone = read_scan(tmp_path)
    write_series(tmp_path, number=2, shape=(3, 8, 10))
    damaged = sorted(tmp_path.glob("2*"))[0]
    content = damaged.read_bytes()
    damaged.write_bytes(content[: content.index(b"\x28\x00\x10\x00US")])  # cut before Rows
    scan = read_scan(tmp_path, series_uid=wanted)
    assert scan.sha256 == alone.sha256
    assert scan.notes == ("left out: 1 x damaged file of another series, 2 x image or object of another series",)
    other = dcmread(sorted(tmp_path.glob("2*"))[1]).SeriesInstanceUID
    for series_uid in (other, None):
        with pytest.raises(ScanError, match=f"{damaged.name}.*truncated"):
            read_scan(tmp_path, series_uid=series_uid)


def test_of_several_series_the_wanted_modality_is_taken(tmp_path: Path, write_series: Writer) -> None:
    mr = write_series(tmp_path, number=1, modality="MR")
    write_series(tmp_path, number=2, modality="CT", shape=(4, 8, 10))
    scan = read_scan(tmp_path, modality="MR")
    np.testing.assert_array_equal(scan.image.numpy()[0], mr.transpose(2, 1, 0))
    assert [note for note in scan.notes if note.startswith("left out: series 2: CT, 4 slice(s)")]
    with pytest.raises(ScanError, match="holds 2 image series"):
        read_scan(tmp_path, modality="PT")
    write_series(tmp_path, number=3, modality="MR")
    with pytest.raises(
        ScanError, match="holds 2 image series, .*: series 1: MR, [^;]*; series 3: MR|series 3: MR.*series 1"
    ):
        read_scan(tmp_path, modality="MR")


def test_what_is_told_of_series_is_no_text_of_their_headers(
    tmp_path: Path, write_series: Writer, assert_no_secret: Callable[[str], None]
) -> None:
    def secret(ds: FileDataset, index: int) -> None:
        ds.SeriesNumber, ds.Modality = 19441231, "SECRET"

    write_series(tmp_path / "numbers", number=1, edit=secret)
    write_series(tmp_path / "numbers", number=2)
    with pytest.raises(ScanError, match=r"\(no number\): OT, 5 slice") as error:
        read_scan(tmp_path / "numbers")
    assert_no_secret(str(error.value))

    def spoil(ds: FileDataset, index: int) -> None:
        ds.SeriesInstanceUID = "1.02.SECRET"
        ds.PhotometricInterpretation = "SECRET"

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_series(tmp_path / "uid", edit=lambda ds, index: setattr(ds, "SeriesInstanceUID", "1.02.SECRET"))
        write_series(tmp_path / "uid", number=2)
        write_series(tmp_path / "colour", edit=spoil)
    with pytest.raises(ScanError, match=r"UID \(invalid\)") as error:
        read_scan(tmp_path / "uid")
    assert_no_secret(str(error.value))
    with pytest.raises(ScanError, match="colour image .not MONOCHROME.") as error:
        read_scan(tmp_path / "colour")
    assert_no_secret(str(error.value))


def test_several_multi_frame_files_are_not_joined(tmp_path: Path, write_multi_frame: Writer) -> None:
    def same_series(ds: FileDataset, index: int) -> None:
        ds.SeriesInstanceUID = "1.2.3"

    write_multi_frame(tmp_path / "a", edit=same_series)
    write_multi_frame(tmp_path / "b", edit=same_series)
    with pytest.raises(ScanError, match=f"2 files .* multi-frame.*{tmp_path / 'a'}"):
        read_scan(tmp_path)
    assert read_scan(tmp_path / "a").image.shape == (1, 10, 8, 4)


def test_other_files_are_left_out_with_a_note(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path)
    for name in ("report.xml", "DICOMDIR", ".DS_Store", "preview.png"):
        (tmp_path / name).write_text("not DICOM")
    assert read_scan(tmp_path).notes == ("left out: 2 x file that is not DICOM",)


@pytest.mark.parametrize(("name", "content"), [("empty", b""), ("slice.dcm", b"download failed")])
def test_a_file_that_should_be_a_slice_is_not_ignored(
    tmp_path: Path, write_series: Writer, name: str, content: bytes
) -> None:
    write_series(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ScanError, match=f"{name}: is {len(content)} bytes that are not DICOM"):
        read_scan(tmp_path)
