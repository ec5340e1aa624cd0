"""Scans and the files that outline their lesions pair by name."""

import unicodedata
from pathlib import Path
from typing import Literal

import nibabel
import numpy as np
import pytest

from monai_sar.datasets import load_scan_datalist
from monai_sar.datasets.scan_datalist import scan_item
from monai_sar.scans import ScanError

Form = Literal["NFC", "NFD"]


def _write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(nibabel.nifti1.Nifti1Image(np.arange(9, dtype=np.int16).reshape(1, 3, 3), np.eye(4)), root / name)


def test_a_folder_as_brats_has_it(tmp_path: Path) -> None:
    _write(tmp_path, "a/a_flair.nii.gz", "a/a_seg.nii.gz", "a/a_t1.nii.gz", "b/b_flair.nii.gz")
    (tmp_path / "notes.txt").touch()
    items = load_scan_datalist(tmp_path, image_suffix="_flair.nii.gz", lesion_suffix="_seg.nii.gz")
    assert items == [
        {"image": str(tmp_path / "a/a_flair.nii.gz"), "label": str(tmp_path / "a/a_seg.nii.gz")},
        {"image": str(tmp_path / "b/b_flair.nii.gz")},
    ]


def test_outlines_are_no_scans(tmp_path: Path) -> None:
    _write(tmp_path, "x.nii.gz", "x_lesion.nii.gz", "y.nii.gz")
    items = load_scan_datalist(tmp_path, lesion_suffix="_lesion.nii.gz")
    assert [Path(item["image"]).name for item in items] == ["x.nii.gz", "y.nii.gz"]
    assert [Path(item.get("label", "")).name for item in items] == ["x_lesion.nii.gz", ""]


def _write_mask(path: Path, inside: int = 2) -> None:
    voxels = np.zeros((4, 4, 4), np.uint8)
    voxels[:inside] = 1
    nibabel.save(nibabel.nifti1.Nifti1Image(voxels, np.eye(4)), path)


def test_masks_that_lie_beside_scans_are_named(tmp_path: Path) -> None:
    """Whatever they are called, empty ones too; unless they are given themselves, or suffixes tell."""
    _write(tmp_path, "x.nii.gz", "y.nii.gz")
    (tmp_path / "damaged.nii.gz").write_bytes(b"\x1f\x8bno")
    _write_mask(tmp_path / "x_wmh.nii.gz")
    _write_mask(tmp_path / "y_wmh.nii.gz", inside=0)
    with pytest.raises(ScanError, match=r"2 of the 5 scans .* as masks have: .*x_wmh.nii.gz, .*y_wmh.nii.gz\. Say how"):
        load_scan_datalist(tmp_path)
    (tmp_path / "damaged.nii.gz").unlink()
    assert len(load_scan_datalist(tmp_path, lesion_suffix="_wmh.nii.gz")) == 2
    assert len(load_scan_datalist(tmp_path, image_suffix="x.nii.gz")) == 1
    assert load_scan_datalist(tmp_path / "x_wmh.nii.gz") == [{"image": str(tmp_path / "x_wmh.nii.gz")}]
    (tmp_path / "list.txt").write_text("x.nii.gz\nx_wmh.nii.gz\n")
    assert len(load_scan_datalist(tmp_path / "list.txt")) == 2


def test_what_is_no_scan_is_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _write(tmp_path, "x.nii.gz")
    for name in ("notes.docx", "times.csv", "manifest.csv"):
        (tmp_path / name).touch()
    load_scan_datalist(tmp_path)
    (record,) = caplog.records
    assert record.getMessage() == f"Left out 2 files that are no scans, such as '{tmp_path / 'notes.docx'}'"


def test_one_file_and_no_suffixes(tmp_path: Path) -> None:
    _write(tmp_path, "x_flair.nii.gz", "y_flair.nii.gz")
    assert load_scan_datalist(tmp_path / "x_flair.nii.gz") == [{"image": str(tmp_path / "x_flair.nii.gz")}]
    assert len(load_scan_datalist(tmp_path)) == 2


def test_nothing_to_do_is_an_error_that_says_what_is_there(tmp_path: Path) -> None:
    _write(tmp_path, "a_t1.nii.gz", "b_t1.nii.gz")
    with pytest.raises(ScanError, match="holds 2 scans, but none whose name ends in '_flair.nii.gz'"):
        load_scan_datalist(tmp_path, image_suffix="_flair.nii.gz")
    with pytest.raises(ScanError, match="does not exist"):
        load_scan_datalist(tmp_path / "absent")


def test_a_series_and_a_file_have_the_mask_of_their_region_beside_them(tmp_path: Path) -> None:
    _write(tmp_path, "a_liver.nii.gz", "a_lesion.nii.gz", "b_ct.nii.gz", "b_liver.nii.gz")
    series = tmp_path / "a_ct"
    series.mkdir()
    (series / "1").write_bytes(b"\0" * 128 + b"DICM")
    suffixes = {"lesion_suffix": "_lesion.nii.gz", "region_suffix": "_liver.nii.gz"}
    assert scan_item(series, image_suffix="_ct", **suffixes) == {
        "image": str(series),
        "label": str(tmp_path / "a_lesion.nii.gz"),
        "region": str(tmp_path / "a_liver.nii.gz"),
    }
    assert load_scan_datalist(tmp_path, image_suffix="_ct.nii.gz", **suffixes) == [
        {"image": str(tmp_path / "b_ct.nii.gz"), "region": str(tmp_path / "b_liver.nii.gz")}
    ]


def test_a_scan_without_the_mask_of_its_region_is_told(tmp_path: Path) -> None:
    """To score all of it instead would give a map of something else."""
    _write(tmp_path, "a_ct.nii.gz")
    with pytest.raises(ScanError, match=r"no mask of the region to score: expected .*a_liver\.nii\.gz"):
        load_scan_datalist(tmp_path, image_suffix="_ct.nii.gz", region_suffix="_liver.nii.gz")
    with pytest.raises(ScanError, match=r"a name that ends in '\.nii\.gz'"):
        scan_item(tmp_path / "series", region_suffix="_liver.nii.gz")


@pytest.mark.parametrize(("image_form", "mask_form"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_mask_pairs_in_whichever_unicode_form_it_is_spelled(
    tmp_path: Path, image_form: Form, mask_form: Form
) -> None:
    image = unicodedata.normalize(image_form, "Schädel_flair.nii.gz")
    mask = unicodedata.normalize(mask_form, "Schädel_läsion.nii.gz")
    _write(tmp_path, image, mask)
    suffix = unicodedata.normalize(image_form, "_läsion.nii.gz")
    items = load_scan_datalist(tmp_path, image_suffix="_flair.nii.gz", lesion_suffix=suffix)
    assert items == [{"image": str(tmp_path / image), "label": str(tmp_path / mask)}]
