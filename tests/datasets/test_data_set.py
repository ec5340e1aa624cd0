"""A BMAD folder of scans of any kind is the same data set as one of slices; what cannot be a scan is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from monai_sar.datasets import DatasetError, find_bmad_layout, load_data_set
from monai_sar.datasets.bmad_layouts import SPLITS
from tests.conftest import save_nifti

Write = Callable[..., Any]


def write_nifti(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return save_nifti(path, np.random.default_rng(seed).integers(0, 99, (4, 5, 6)).astype(np.int16), np.eye(4))


def write_image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4)).save(path)
    return path


@pytest.mark.parametrize("good", ["{split}/good", "{split}/good/img"])
def test_a_folder_of_nifti(tmp_path: Path, good: str) -> None:
    for split in SPLITS:
        write_nifti(tmp_path / ("train/good" if split == "train" else good.format(split=split)) / f"{split}_n.nii.gz")
    write_nifti(tmp_path / "test/Ungood/img/case.1.nii")
    label = write_nifti(tmp_path / "test/Ungood/label/case.1.nii.gz")
    (item,) = load_data_set(tmp_path, "train")
    image = str(tmp_path / "train/good/train_n.nii.gz")
    assert item == {"image": image, "patient": None, "abnormal": 0, "split": "train"}
    abnormal, normal = load_data_set(tmp_path, "test")
    assert (abnormal["abnormal"], abnormal["label"]) == (1, str(label))
    assert normal["abnormal"] == 0
    assert "label" not in normal


def test_series_and_multi_frame_files_are_scans(tmp_path: Path, write_series: Write, write_multi_frame: Write) -> None:
    for uid in ("1.2.3", "1.2.4"):
        write_series(tmp_path / "train/good" / uid)
    write_multi_frame(tmp_path / "train/good/frames")
    write_multi_frame(tmp_path / "valid/good/img/more.dcm")
    write_series(tmp_path / "test/Ungood/img/case.7")
    label = write_nifti(tmp_path / "test/Ungood/label/case.7.nii.gz")
    (tmp_path / "train/good/README").write_text("no scan")
    assert [Path(item["image"]).name for item in load_data_set(tmp_path, "train")] == ["1.2.3", "1.2.4", "frames"]
    assert [Path(item["image"]).name for item in load_data_set(tmp_path, "valid")] == ["more.dcm"]
    (item,) = load_data_set(tmp_path, "test")
    assert (item["image"], item["label"]) == (str(tmp_path / "test/Ungood/img/case.7"), str(label))
    assert find_bmad_layout(tmp_path).unused == ()


def test_masks_may_be_folders(tmp_path: Path, write_series: Write, write_multi_frame: Write) -> None:
    write_series(tmp_path / "test/Ungood/img/case")
    write_multi_frame(tmp_path / "test/Ungood/label/case/seg.dcm")
    (item,) = load_data_set(tmp_path, "test")
    assert item["label"] == str(tmp_path / "test/Ungood/label/case")


def test_slices_of_a_series_without_a_folder_of_their_own_are_no_scans(tmp_path: Path, write_series: Write) -> None:
    write_series(tmp_path / "train/good")
    with pytest.raises(DatasetError, match="found 5 DICOM files that are slices of one series"):
        load_data_set(tmp_path, "train")


def test_the_manifest_tells_the_patients(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "b.nii.gz"):
        write_nifti(tmp_path / "train/good" / name)
    (tmp_path / "manifest.csv").write_text("file,patient\ntrain\\good\\a.nii.gz,P1\n")
    assert [item["patient"] for item in load_data_set(tmp_path, "train")] == ["P1", None]


def test_the_layout_that_the_how_to_shows(tmp_path: Path) -> None:
    """That is, docs/how-to/train-on-your-own-slices.md."""
    for split in SPLITS:
        write_image(tmp_path / split / "good" / f"{split}.png")
        if split != "train":
            write_image(tmp_path / split / "Ungood/img/x.png")
            write_image(tmp_path / split / "Ungood/label/x.png")
    assert [len(load_data_set(tmp_path, split)) for split in SPLITS] == [1, 2, 2]


@pytest.mark.parametrize(("name", "count"), [("brain_mri", 8), ("liver_ct", 8), ("retinal_oct", 8)])
def test_real_sets(name: str, count: int, outside: Callable[[str], Path]) -> None:
    items = [item for split in SPLITS for item in load_data_set(outside(f"data/bmad/{name}"), split)]
    assert len(items) > count
    assert {item["abnormal"] for item in items} == {0, 1}
    assert all("label" in item for item in items if item["abnormal"])
