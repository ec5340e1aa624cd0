"""Multi-frame DICOM: Enhanced MR and CT, and ophthalmic tomography with and without positions."""

from collections.abc import Callable
from pathlib import Path

import highdicom
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence

from monai_sar.scans import ScanError, read_scan

Writer = Callable[..., NDArray[np.int64]]
SYNTAXES = [uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.RLELossless, uid.JPEGLSLossless]


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: str(syntax.name))
@pytest.mark.parametrize("modality", ["MR", "CT", "OPT"])
def test_frames_are_sorted_by_position_and_rescaled(
    tmp_path: Path, write_multi_frame: Writer, modality: str, syntax: uid.UID
) -> None:
    stored = write_multi_frame(tmp_path / "scan", modality=modality, syntax=syntax)
    scan = read_scan(tmp_path / "scan")
    assert scan.frame_numbers == (4, 3, 2, 1)  # written in reverse
    assert scan.instances == (tmp_path / "scan",)
    assert scan.modality == modality
    slopes = np.array([1.0, 2.0, 3.0, 4.0])
    expected = stored[::-1].transpose(2, 1, 0) * slopes - 5
    np.testing.assert_array_equal(scan.image.numpy()[0], expected)


def test_agrees_with_highdicom(tmp_path: Path, write_multi_frame: Writer) -> None:
    write_multi_frame(tmp_path / "scan")
    volume = highdicom.imread(tmp_path / "scan").get_volume()  # LPS, axes (slice, row, column), any slice order
    scan = read_scan(tmp_path / "scan")
    affine = scan.image.affine.numpy()
    for corner in [(0, 0, 0), (9, 7, 3), (4, 0, 2)]:
        lps = np.diag([-1, -1, 1, 1]) @ affine @ [*corner, 1]
        k, j, i = (np.linalg.inv(volume.affine) @ lps)[:3].round().astype(int)
        np.testing.assert_allclose(volume.affine @ [k, j, i, 1], lps, atol=1e-4)
        assert volume.array[k, j, i] == scan.image[(0, *corner)]


def test_a_folder_with_one_multi_frame_file_is_the_same_scan(tmp_path: Path, write_multi_frame: Writer) -> None:
    write_multi_frame(tmp_path / "scan")
    one, folder = read_scan(tmp_path / "scan"), read_scan(tmp_path)
    np.testing.assert_array_equal(one.image.numpy(), folder.image.numpy())
    assert one.sha256 == folder.sha256


def without_positions(ds: FileDataset, index: int) -> None:
    del ds.PerFrameFunctionalGroupsSequence
    del ds.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence


def test_opt_without_positions_is_stacked_in_file_order(tmp_path: Path, write_multi_frame: Writer) -> None:
    stored = write_multi_frame(tmp_path / "scan", modality="OPT", spacing=(0.12, 0.004, 0.012), edit=without_positions)
    scan = read_scan(tmp_path / "scan")
    np.testing.assert_array_equal(scan.image.numpy()[0], stored.transpose(2, 1, 0))
    np.testing.assert_allclose(scan.image.affine.numpy(), np.diag([-0.012, -0.004, 0.12, 1]))
    assert scan.frame_numbers == (1, 2, 3, 4)
    assert [note for note in scan.notes if "no positions" in note]


def test_opt_without_distances_asks_for_spacing(tmp_path: Path, write_multi_frame: Writer) -> None:
    def without_thickness(ds: FileDataset, index: int) -> None:
        without_positions(ds, index)
        del ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SliceThickness

    write_multi_frame(tmp_path / "scan", modality="OPT", edit=without_thickness)
    with pytest.raises(ScanError, match="give spacing="):
        read_scan(tmp_path / "scan")
    scan = read_scan(tmp_path / "scan", spacing=(0.01, 0.004, 0.2))
    np.testing.assert_allclose(scan.image.pixdim.numpy(), [0.01, 0.004, 0.2])


def test_opt_with_thin_spacing_still_misses_a_slice(tmp_path: Path, write_multi_frame: Writer) -> None:
    """0.01 mm is within a tolerance made for CT; B-scans lie as close as that."""

    def drop(ds: FileDataset, index: int) -> None:
        del ds.PerFrameFunctionalGroupsSequence[4]
        ds.NumberOfFrames = 7
        ds.PixelData = ds.PixelData[: 7 * ds.Rows * ds.Columns * 2]

    write_multi_frame(tmp_path / "scan", modality="OPT", shape=(8, 8, 10), spacing=(0.01, 0.004, 0.012), edit=drop)
    with pytest.raises(ScanError, match="slices are missing"):
        read_scan(tmp_path / "scan")


def photograph_lines(pattern: str) -> list[list[float]]:
    """Start row, start column, end row, end column of four B-scans."""
    angles = np.arange(4) * np.pi / 4
    return {
        "raster": [[100 + 20.4 * k, 50, 101 + 20.4 * k, 700] for k in range(4)],
        "radial": [
            [300 - 99 * s, 300 - 99 * c, 300 + 99 * s, 300 + 99 * c]
            for s, c in zip(np.sin(angles), np.cos(angles), strict=True)
        ],
        "repeated": [[100.0, 50, 100, 700]] * 4,
        "with a gap": [[100.0 + 20 * k, 50, 100 + 20 * k, 700] for k in (0, 1, 2, 4)],
        "circular": [[100.0, 50, 120, 60, 130, 70]] * 4,
    }[pattern]


@pytest.mark.parametrize("pattern", ["raster", "radial", "repeated", "with a gap", "circular"])
def test_opt_without_positions_must_be_a_raster(tmp_path: Path, write_multi_frame: Writer, pattern: str) -> None:
    def locate(ds: FileDataset, index: int) -> None:
        for group, line in zip(ds.PerFrameFunctionalGroupsSequence, photograph_lines(pattern), strict=True):
            del group.PlanePositionSequence
            location = Dataset()
            location.ReferenceCoordinates = line
            group.OphthalmicFrameLocationSequence = Sequence([location])

    write_multi_frame(tmp_path / "scan", modality="OPT", edit=locate)
    if pattern == "raster":
        assert read_scan(tmp_path / "scan").frame_numbers == (1, 2, 3, 4)
    else:
        with pytest.raises(ScanError, match="4 B-scans on the reference photograph are not parallel and even"):
            read_scan(tmp_path / "scan")


def no_groups(ds: FileDataset, index: int) -> None:
    del ds.PerFrameFunctionalGroupsSequence, ds.SharedFunctionalGroupsSequence


def two_at_one_place(ds: FileDataset, index: int) -> None:
    groups = ds.PerFrameFunctionalGroupsSequence
    groups[0].PlanePositionSequence = groups[1].PlanePositionSequence


def one_group_less(ds: FileDataset, index: int) -> None:
    del ds.PerFrameFunctionalGroupsSequence[0]


def half_the_pixels(ds: FileDataset, index: int) -> None:
    ds.PixelData = ds.PixelData[: len(ds.PixelData) // 2]


def coloured(ds: FileDataset, index: int) -> None:
    ds.PixelPresentation = "COLOR"


def bad_number(ds: FileDataset, index: int) -> None:
    ds.PerFrameFunctionalGroupsSequence[2].PlanePositionSequence[0].ImagePositionPatient = ["1", "2"]


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (no_groups, "frame 1 has no ImagePositionPatient, ImageOrientationPatient, PixelSpacing"),
        (two_at_one_place, "4 slices lie at 3 positions"),
        (one_group_less, "4 frames but 3 per-frame functional groups"),
        (half_the_pixels, "cannot be read as Explicit VR Little Endian pixel data"),
        (coloured, "1 x colour-coded map"),
        (bad_number, "ImagePositionPatient is not 3 finite number"),
    ],
)
def test_what_forms_no_volume_is_told(
    tmp_path: Path,
    write_multi_frame: Writer,
    assert_no_secret: Callable[[str], None],
    edit: Callable[[FileDataset, int], None],
    told: str,
) -> None:
    write_multi_frame(tmp_path / "scan", edit=edit)
    with pytest.raises(ScanError, match=told) as error:
        read_scan(tmp_path / "scan")
    assert_no_secret(str(error.value))


def test_spacing_cannot_overrule_positions(tmp_path: Path, write_multi_frame: Writer) -> None:
    write_multi_frame(tmp_path / "scan")
    with pytest.raises(ScanError, match="leave spacing out"):
        read_scan(tmp_path / "scan", spacing=(1, 1, 1))
