"""Scans and the files that outline their lesions pair by name."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from monai_sar.data import load_scan_datalist
from monai_sar.data.scans import ScanError


def _write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(nibabel.nifti1.Nifti1Image(np.eye(3, dtype=np.int16)[None], np.eye(4)), root / name)


def test_a_folder_as_brats_has_it(tmp_path: Path) -> None:
    _write(tmp_path, "a/a_flair.nii.gz", "a/a_seg.nii.gz", "a/a_t1.nii.gz", "b/b_flair.nii.gz")
    (tmp_path / "notes.txt").touch()
    items = load_scan_datalist(tmp_path, image_suffix="_flair.nii.gz", lesion_suffix="_seg.nii.gz")
    assert items == [
        {"image": str(tmp_path / "a/a_flair.nii.gz"), "lesion": str(tmp_path / "a/a_seg.nii.gz")},
        {"image": str(tmp_path / "b/b_flair.nii.gz")},
    ]


def test_outlines_are_no_scans(tmp_path: Path) -> None:
    _write(tmp_path, "x.nii.gz", "x_lesion.nii.gz", "y.nii.gz")
    items = load_scan_datalist(tmp_path, lesion_suffix="_lesion.nii.gz")
    assert [Path(item["image"]).name for item in items] == ["x.nii.gz", "y.nii.gz"]
    assert [Path(item.get("lesion", "")).name for item in items] == ["x_lesion.nii.gz", ""]


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
