"""Finding scans in files, folders and lists, and reading what was found."""

# nibabel and SimpleITK are typed in part
# mypy: disable-error-code="no-untyped-call, attr-defined"
import unicodedata
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from monai_sar.scans import ScanError, find_scans, read_scan
from monai_sar.scans.find import search_scans

Writer = Callable[..., NDArray[np.int64]]


@pytest.fixture
def house(tmp_path: Path, write_series: Writer, write_multi_frame: Writer) -> Path:
    """A folder with every kind of scan, and files that are none."""
    (tmp_path / "nifti").mkdir()
    for name in ("b.nii.gz", "a.nii"):
        voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
        nib.save(nib.Nifti1Image(voxels, np.eye(4)), tmp_path / "nifti" / name)
    write_series(tmp_path / "study" / "series 1")
    write_series(tmp_path / "study" / "series 2", modality="MR")
    write_multi_frame(tmp_path / "oct" / "volume.dcm", modality="OPT")
    Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3)).save(tmp_path / "slice.PNG")
    for name in ("README.txt", "DICOMDIR", ".hidden.png", "nifti/notes.json"):
        (tmp_path / name).write_text("none")
    return tmp_path


def test_every_scan_is_found_once_in_order(house: Path) -> None:
    expected = [
        house / "nifti" / "a.nii",
        house / "nifti" / "b.nii.gz",
        house / "oct",
        house / "slice.PNG",
        house / "study" / "series 1",
        house / "study" / "series 2",
    ]
    assert find_scans([house]) == expected
    assert find_scans([house / "oct" / ".." / "study", house / "study"]) == [
        house / "oct" / ".." / "study" / name for name in ("series 1", "series 2")
    ]
    assert find_scans([house / "study", house, house / "nifti" / "a.nii", str(house)]) == expected


def test_every_scan_found_can_be_read(house: Path) -> None:
    shapes = [tuple(read_scan(path).image.shape) for path in find_scans([house])]
    assert shapes == [(1, 2, 3, 4), (1, 2, 3, 4), (1, 10, 8, 4), (1, 3, 2, 1), (1, 10, 8, 5), (1, 10, 8, 5)]


def test_a_list_file_names_paths_relative_to_itself(house: Path) -> None:
    absolute = house / "slice.PNG"
    (house / "list.txt").write_text(f"# scans\nnifti/b.nii.gz\n\n  study/series 2  \n{absolute}\n")
    assert find_scans([house / "list.txt"]) == [
        house / "nifti" / "b.nii.gz",
        house / "slice.PNG",
        house / "study" / "series 2",
    ]


def test_a_dicom_file_stays_a_file(house: Path) -> None:
    file = sorted((house / "study" / "series 1").iterdir())[0]
    assert find_scans([file]) == [file]


def test_what_is_no_scan_is_told(house: Path) -> None:
    (house / "empty").mkdir()
    (house / "list.txt").write_text("nifti/a.nii\nnifti/gone.nii\n")
    for path, told in [
        (house / "gone", "does not exist"),
        (house / "list.txt", "gone.nii: does not exist"),
        (house / "empty", "holds no NIfTI, DICOM, NRRD, MetaImage, MGH, PNG, JPEG, TIFF or BMP"),
        (house / "nifti" / "notes.json", "is not NIfTI, DICOM"),
    ]:
        with pytest.raises(ScanError, match=told):
            find_scans([path])


def test_a_folder_above_one_scan_stands_for_it(house: Path) -> None:
    deep = read_scan(house / "oct")
    (house / "oct").rename(house / "study" / "series 1" / "oct")
    assert read_scan(house / "study" / "series 1").modality == "CT"  # its own files come first
    (house / "above").mkdir()
    (house / "study" / "series 1" / "oct").rename(house / "above" / "oct")
    scan = read_scan(house / "above")
    assert (scan.sha256, scan.source) == (deep.sha256, house / "above" / "oct")
    with pytest.raises(ScanError, match="holds 2 scans in its subfolders"):
        read_scan(house / "study")


def test_ambiguous_folders_and_unknown_files_are_told(house: Path) -> None:
    with pytest.raises(ScanError, match="holds 2 volumes and 0 image files"):
        read_scan(house / "nifti")
    (house / "nifti" / "a.nii").unlink()
    assert read_scan(house / "nifti").source == house / "nifti" / "b.nii.gz"
    with pytest.raises(ScanError, match=r"notes.json: is not NIfTI"):
        read_scan(house / "nifti" / "notes.json")
    with pytest.raises(ScanError, match="gone: does not exist"):
        read_scan(house / "gone")


@pytest.mark.parametrize("spacing", [(1, 1), (1, 0, 1), (1, float("nan"), 1), (-1, 1, 1)])
def test_impossible_spacing_is_told(house: Path, spacing: tuple[float, float, float]) -> None:
    with pytest.raises(ScanError, match="expected three lengths above 0"):
        read_scan(house / "slice.PNG", spacing=spacing)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_list_may_have_a_byte_order_mark(house: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding == "utf-16-le" else ""
    (house / "list.txt").write_bytes(f"{mark}nifti/b.nii.gz\r\nslice.PNG\r\n".encode(encoding))
    assert find_scans([house / "list.txt"]) == [house / "nifti" / "b.nii.gz", house / "slice.PNG"]


def test_a_list_in_another_encoding_or_of_itself_is_told(house: Path) -> None:
    (house / "list.txt").write_bytes("Schädel.nii\n".encode("latin-1"))
    with pytest.raises(ScanError, match="is not text in UTF-8 or UTF-16"):
        find_scans([house / "list.txt"])
    (house / "list.txt").write_text("list.txt\n")
    with pytest.raises(ScanError, match="is named in itself"):
        find_scans([house / "list.txt"])


def test_a_list_may_spell_a_name_as_another_system_does(house: Path) -> None:
    written = unicodedata.normalize("NFD", "Schädel.png")
    (house / "slice.PNG").rename(house / written)
    (house / "list.txt").write_text(f"{unicodedata.normalize('NFC', written)}\nnifti\\a.nii\n", encoding="utf-8")
    assert find_scans([house / "list.txt"]) == sorted([house / written, house / "nifti" / "a.nii"])


def test_links_to_folders_are_followed_and_none_for_ever(house: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (house / "nifti").rename(outside / "nifti")
    (house / "linked").symlink_to(outside / "nifti")
    (outside / "nifti" / "back").symlink_to(house)
    found = find_scans([house])
    assert house / "linked" / "a.nii" in found
    assert len(found) == 6


def test_what_leads_to_no_scan_does_not_hide_the_others(house: Path) -> None:
    (house / "list.txt").write_text("nifti/a.nii\nnifti/gone.nii\n")
    found = search_scans([house / "list.txt", house / "absent", house / "nifti"])
    assert found.scans == [house / "nifti" / "a.nii", house / "nifti" / "b.nii.gz"]
    assert found.named == {house / "nifti" / "a.nii"}
    assert found.others == [house / "nifti" / "notes.json"]
    assert [str(problem).split(": ")[0] for problem in found.problems] == [
        str(house / "nifti" / "gone.nii"),
        str(house / "absent"),
    ]
