"""What is written: complete, readable as BMAD, the same for the same seed, and never over something else."""

import hashlib
import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score

from monai_sar.datasets.bmad import find_bmad_layout, find_bmad_problems, load_bmad_datalist
from monai_sar.datasets.bmad_layouts import SPLITS
from monai_sar.phantoms import DOMAINS, FolderInUseError, LesionKind, make_brain_phantom, write_phantoms

BRAIN_MRI = DOMAINS["brain_mri"]
COUNTS = {
    "train": 3,
    "valid_normal": 1,
    "valid_abnormal": 1,
    "test_normal": 4,
    "test_abnormal": 6,
    "volumes_normal": 1,
    "volumes_abnormal": 1,
}
NONE = dict.fromkeys(COUNTS, 0)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def digests(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file() and path.suffix != ".gz")
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def subjects(root: Path) -> dict[str, set[str]]:
    splits = {split: root / "bmad" / split for split in ("train", "valid", "test")} | {"nifti": root / "nifti"}
    return {
        name: {path.name[:12] for path in folder.rglob("phantom_*") if path.is_file()}
        for name, folder in splits.items()
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("phantoms")
    assert write_phantoms(BRAIN_MRI, root, **COUNTS, slices_per_subject=6)
    return root


def test_every_image_is_16_bit_with_a_mask_of_its_name(root: Path) -> None:
    for image in root.glob("bmad/**/*.png"):
        values = pixels(image)
        assert values.shape == (192, 160)
        if image.parent.name == "label":
            assert values.dtype == np.uint8
            assert set(np.unique(values)) <= {0, 255}
            assert values.any() == ("Ungood" in image.parts)
        else:
            assert values.dtype == np.uint16
            assert len(np.unique(values)) > 1000
            assert image.parent.name == "good" or (image.parents[1] / "label" / image.name).is_file()


def test_the_layout_is_read_as_bmad(root: Path) -> None:
    layout = find_bmad_layout(root / "bmad")
    assert layout.name == "A"
    for split in SPLITS:
        assert find_bmad_problems(layout, split) == []
    assert len(load_bmad_datalist(root / "bmad", "train")) == 3 * 6
    test = load_bmad_datalist(root / "bmad", "test")
    assert sum(1 - item["abnormal"] for item in test) == 4 * 6
    assert sum(item["abnormal"] for item in test) >= 6


def test_no_subject_is_in_two_places(root: Path) -> None:
    found = subjects(root)
    assert [len(found[name]) for name in ("train", "valid", "test", "nifti")] == [3, 2, 10, 2]
    assert len(set.union(*found.values())) == 17


def test_no_slice_of_an_abnormal_subject_is_called_good(root: Path) -> None:
    for split in ("valid", "test"):
        by_class = [
            {path.name[:12] for path in (root / "bmad" / split / name / "img").iterdir()} for name in ("good", "Ungood")
        ]
        assert not by_class[0] & by_class[1]


def test_a_slice_is_the_volume_times_one_factor_as_displayed(root: Path) -> None:
    phantom = make_brain_phantom(0, 8001, list(LesionKind)[8001 % 3])
    paths = sorted(root.glob("bmad/test/Ungood/img/phantom_8001_*.png"))
    assert paths
    for path in paths:
        k = int(path.stem[-2:])
        np.testing.assert_allclose(pixels(path), phantom.image[:, :, k] * (65535 / phantom.image.max()), atol=0.51)
        mask = pixels(path.parents[1] / "label" / path.name)
        np.testing.assert_array_equal(mask > 0, phantom.mask[:, :, k])


def test_volumes_come_in_pairs_and_only_the_abnormal_have_lesions(root: Path) -> None:
    lesions = {
        path.name: bool(np.asarray(nib.nifti1.load(path).dataobj).any()) for path in root.glob("nifti/*_lesion.nii.gz")
    }
    assert lesions == {"phantom_9000_lesion.nii.gz": False, "phantom_9500_lesion.nii.gz": True}
    assert len(list(root.glob("nifti/*_flair.nii.gz"))) == 2


def test_brightness_alone_does_not_find_the_lesions(root: Path) -> None:
    items = load_bmad_datalist(root / "bmad", "test")
    images = np.stack([pixels(Path(item["image"])) for item in items])
    masks = np.stack(
        [pixels(Path(item["image"]).parents[1] / "label" / Path(item["image"]).name) > 0 for item in items]
    )
    assert 0.6 < roc_auc_score(masks.ravel(), images.ravel()) < 0.87
    assert average_precision_score(masks.ravel(), images.ravel()) < 0.1


def test_a_subject_does_not_depend_on_how_many_there_are(root: Path, tmp_path: Path) -> None:
    write_phantoms(BRAIN_MRI, tmp_path, **(NONE | {"train": 1, "test_abnormal": 1}), slices_per_subject=6)
    few, many = digests(tmp_path / "bmad"), digests(root / "bmad")
    assert len(few) > 6
    assert few.items() <= many.items()


def test_another_seed_writes_other_scans(root: Path, tmp_path: Path) -> None:
    write_phantoms(BRAIN_MRI, tmp_path, **(NONE | {"train": 1}), slices_per_subject=6, seed=1)
    few, many = digests(tmp_path / "bmad"), digests(root / "bmad")
    assert few.keys() <= many.keys()
    assert not few.items() & many.items()


def test_the_same_settings_reuse_what_is_there(root: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert not write_phantoms(BRAIN_MRI, root, **COUNTS, slices_per_subject=6)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_other_settings_are_refused_and_nothing_is_touched(root: Path) -> None:
    before = digests(root)
    with pytest.raises(FolderInUseError, match=r"seed is 0, asked for 7.*another folder or delete"):
        write_phantoms(BRAIN_MRI, root, **COUNTS, slices_per_subject=6, seed=7)
    assert digests(root) == before


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bmad" / "train").mkdir(parents=True)
    with pytest.raises(FolderInUseError, match="holds bmad"):
        write_phantoms(BRAIN_MRI, tmp_path, **NONE)
    assert [path.name for path in tmp_path.iterdir()] == ["bmad"]


def test_a_marker_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "phantoms.json").write_text("{")
    with pytest.raises(FolderInUseError, match="cannot be read"):
        write_phantoms(BRAIN_MRI, tmp_path, **NONE)


def test_a_killed_run_is_done_again(tmp_path: Path) -> None:
    settings = NONE | {"train": 6}
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    call = f"from monai_sar.phantoms import *; write_phantoms(DOMAINS['brain_mri'], {str(killed)!r}, **{settings})"
    process = subprocess.Popen([sys.executable, "-c", call])
    try:
        deadline = time.monotonic() + 120
        while not list(killed.glob("bmad/train/good/*.png")) and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    assert not (killed / "phantoms.json").exists()
    (killed / "bmad/train/good/.partial-left.png").write_bytes(b"half a file")

    with pytest.raises(FolderInUseError, match="train is 6, asked for 5"):
        write_phantoms(BRAIN_MRI, killed, **(settings | {"train": 5}))
    assert write_phantoms(BRAIN_MRI, killed, **settings)
    assert write_phantoms(BRAIN_MRI, whole, **settings)
    assert digests(killed) == digests(whole)


def test_readme_and_marker_say_what_it_is(root: Path) -> None:
    text = (root / "README.txt").read_text(encoding="utf-8")
    assert "Synthetic" in text
    assert "seed 0" in text
    assert "train 3" in text
    assert '"seed": 0' in (root / "phantoms.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("wrong", [{"train": -1}, {"test_normal": 1001}, {"slices_per_subject": 0}, {"seed": -1}])
def test_numbers_out_of_range_are_named(wrong: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        write_phantoms(BRAIN_MRI, tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()
