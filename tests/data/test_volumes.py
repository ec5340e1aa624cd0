"""Volumes and the files that outline their lesions pair by name."""

from pathlib import Path

import pytest

from monai_sar.data import load_volume_datalist


def _touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_a_folder_as_brats_has_it(tmp_path: Path) -> None:
    _touch(tmp_path, "a/a_flair.nii.gz", "a/a_seg.nii.gz", "a/a_t1.nii.gz", "b/b_flair.nii.gz", "notes.txt")
    items = load_volume_datalist(tmp_path, image_suffix="_flair.nii.gz", lesion_suffix="_seg.nii.gz")
    assert items == [
        {"image": str(tmp_path / "a/a_flair.nii.gz"), "lesion": str(tmp_path / "a/a_seg.nii.gz")},
        {"image": str(tmp_path / "b/b_flair.nii.gz")},
    ]


def test_outlines_are_no_scans(tmp_path: Path) -> None:
    _touch(tmp_path, "x.nii.gz", "x_lesion.nii.gz", "y.nii.gz")
    items = load_volume_datalist(tmp_path, image_suffix=".nii.gz", lesion_suffix="_lesion.nii.gz")
    assert [Path(item["image"]).name for item in items] == ["x.nii.gz", "y.nii.gz"]
    assert [Path(item.get("lesion", "")).name for item in items] == ["x_lesion.nii.gz", ""]


def test_one_file(tmp_path: Path) -> None:
    _touch(tmp_path, "x_flair.nii.gz", "y_flair.nii.gz")
    items = load_volume_datalist(tmp_path / "x_flair.nii.gz", image_suffix="_flair.nii.gz", lesion_suffix="_seg.nii.gz")
    assert items == [{"image": str(tmp_path / "x_flair.nii.gz")}]


def test_nothing_to_do_is_an_error_that_says_what_is_there(tmp_path: Path) -> None:
    _touch(tmp_path, "a.png", "b.png")
    with pytest.raises(ValueError, match=r"folder of files '\*\.nii\.gz', found 2 other files"):
        load_volume_datalist(tmp_path, image_suffix=".nii.gz", lesion_suffix="_seg.nii.gz")
    with pytest.raises(ValueError, match="found nothing"):
        load_volume_datalist(tmp_path / "absent", image_suffix=".nii.gz", lesion_suffix="_seg.nii.gz")
