"""A folder of scans becomes a datalist that load_data_set reads, patient by patient, and names nobody."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import FileDataset
from typer.testing import CliRunner

from monai_sar.cli import app
from monai_sar.datasets import load_data_set
from monai_sar.datasets.bmad_layouts import SPLITS
from tests.conftest import save_nifti
from tests.scans.conftest import SECRETS


def write(path: Path, seed: int = 0, *, mask: bool = False, empty: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    voxels = np.random.default_rng(seed).integers(0, 2 if mask else 900, (4, 5, 6)).astype(np.int16)
    return save_nifti(path, voxels * (not empty), np.eye(4))


def run(*arguments: str | Path, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["split", *map(str, arguments)], terminal_width=200)
    assert result.exit_code == status, result.output
    return result.output


@pytest.fixture
def brats(tmp_path: Path) -> Path:
    """Twelve folders of one patient each: four with a lesion, one of which has two scans, and one empty mask."""
    root = tmp_path / "data"
    for number in range(12):
        folder = root / f"Doe^{number:02d}"
        write(folder / "one_flair.nii.gz", number)
        write(folder / "one_t1.nii.gz", 100 + number)
        if number < 5:
            write(folder / "one_seg.nii.gz", number, mask=True, empty=number == 4)
    write(root / "Doe^00" / "two_flair.nii.gz", 99)
    return root


SUFFIXES = ("--image-suffix", "_flair.nii.gz", "--lesion-suffix", "_seg.nii.gz")


def test_patients_go_whole_into_one_split(brats: Path, tmp_path: Path) -> None:
    output = tmp_path / "lists" / "dataset.json"
    told = run(brats, "--output", output, *SUFFIXES)
    assert "Patients told by: one folder per patient (13 scans)" in told
    splits = {split: load_data_set(output, split) for split in SPLITS}
    items = [item for split in SPLITS for item in splits[split]]
    assert len(items) == 13
    assert len({item["patient"] for item in items}) == 12
    assert {item["patient"] for item in items} == {f"P{number:04d}" for number in range(1, 13)}
    assert sum(item["abnormal"] == 1 for item in items) == 4
    assert not any(item["abnormal"] for item in splits["train"])
    by_folder: dict[str, set[str | None]] = {}
    for item in items:
        by_folder.setdefault(Path(item["image"]).parent.name, set()).add(item["patient"])
    assert all(len(patients) == 1 for patients in by_folder.values())
    document = json.loads(output.read_text())
    assert not any(Path(item["image"]).is_absolute() for item in document["training"])
    assert "Doe" not in "".join(item["patient"] for key in ("training", "validation") for item in document[key])
    empty = next(item for item in items if "Doe^04" in item["image"])
    assert empty["abnormal"] == 0
    assert "label" in empty
    rows = [line.split() for line in told.splitlines() if line.strip().startswith(("training", "valid", "testing"))]
    expected = [
        [
            name,
            str(len({item["patient"] for item in listed})),
            str(len({i["patient"] for i in listed} - {i["patient"] for i in listed if i["abnormal"]})),
            str(len(listed)),
            str(sum(i["abnormal"] for i in listed)),
        ]
        for name, listed in zip(("training", "validation", "testing"), splits.values(), strict=True)
    ]
    assert rows == expected


def test_the_same_seed_writes_the_same_file_and_nothing_is_replaced(brats: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.json" for name in "abc"]
    for file, seed in zip(files, (3, 3, 4), strict=True):
        run(brats, "--output", file, "--seed", str(seed), *SUFFIXES)
    assert files[0].read_text() == files[1].read_text()
    assert files[0].read_text() != files[2].read_text()
    assert "is there already" in run(brats, "--output", files[0], "--seed", "9", *SUFFIXES, status=2)
    assert files[0].read_text() == files[1].read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.json", "c.json", "data"]


def test_folds_take_turns(brats: Path, tmp_path: Path) -> None:
    output = tmp_path / "dataset.json"
    told = run(brats, "--output", output, "--folds", "3", *SUFFIXES)
    assert "training, fold 2" in told
    assert "validation" not in json.loads(output.read_text())
    held = [{item["patient"] for item in load_data_set(output, "valid", fold=fold)} for fold in range(3)]
    assert all(held)
    assert not held[0] & held[1]
    assert len(set.union(*held)) == len({item["patient"] for item in load_data_set(output, "train")})
    assert "expected one of them" in run(
        brats, "--output", tmp_path / "b.json", "--folds", "3", "--valid", "0.1", status=2
    )


def test_training_on_scans_with_lesions(brats: Path, tmp_path: Path) -> None:
    for number in range(5, 12):
        write(brats / f"Doe^{number:02d}" / "one_seg.nii.gz", number, mask=True)
    problem = run(brats, "--output", tmp_path / "no.json", *SUFFIXES, status=2)
    assert "--train-on-lesion-scans" in problem
    assert "told by one folder per patient (13 scans)" in problem
    assert not (tmp_path / "no.json").exists()
    run(brats, "--output", tmp_path / "yes.json", "--train-on-lesion-scans", *SUFFIXES)
    assert any("label" in item for item in load_data_set(tmp_path / "yes.json", "train"))


def test_dicom_patients_are_told_by_their_id_which_is_never_shown(
    tmp_path: Path, write_series: Callable[..., Any]
) -> None:
    for number in range(8):

        def name(dataset: FileDataset, index: int, number: int = number) -> None:
            dataset.PatientID = f"SECRET-{number // 2}"

        write_series(tmp_path / "data" / f"series{number}", number=number + 1, edit=name)
    output = tmp_path / "dataset.json"
    told = run(tmp_path / "data", "--output", output, "--valid", "0.25")
    assert "DICOM PatientID (8 scans)" in told
    assert not [secret for secret in SECRETS if secret in told + output.read_text()]
    patients = [item["patient"] for split in SPLITS for item in load_data_set(output, split)]
    assert sorted(patients, key=str) == [f"P000{number}" for number in (1, 1, 2, 2, 3, 3, 4, 4)]


@pytest.mark.parametrize(
    ("names", "options", "told_by"),
    [
        (["TCGA_CS_494{}_19960909_flair.nii.gz"], (), "file names (TCGA) (4 scans)"),
        (["sub-0{}/ses-1/anat/sub-0{}_ses-1_T1w.nii.gz"], (), "file names (BIDS) (4 scans)"),
        (["case{}_ct.nii.gz"], ("--image-suffix", "_ct.nii.gz"), "the name before _ct.nii.gz (4 scans)"),
        (["case{}.nii.gz"], (), "nothing, so each scan counts as a patient of its own (4 scans)"),
        (["images/case{}/a.nii.gz", "images/case{}/b.nii.gz"], (), "one folder per patient (8 scans)"),
    ],
)
def test_what_tells_the_patients(tmp_path: Path, names: list[str], options: tuple[str, ...], told_by: str) -> None:
    for number in range(4):
        for name in names:
            write(tmp_path / "data" / name.replace("{}", str(number)), number)
    assert told_by in run(tmp_path / "data", "--output", tmp_path / "dataset.json", *options)
    items = [item for split in SPLITS for item in load_data_set(tmp_path / "dataset.json", split)]
    assert len({item["patient"] for item in items}) == 4


def test_a_manifest_tells_them_first(tmp_path: Path) -> None:
    for number in range(6):
        write(tmp_path / "data" / f"case{number}.nii.gz", number)
    rows = "".join(f"case{number}.nii.gz,X{number // 2}\n" for number in range(6))
    (tmp_path / "data" / "manifest.csv").write_text(f"file,patient\n{rows}")
    assert "manifest.csv (6 scans)" in run(tmp_path / "data", "--output", tmp_path / "dataset.json")
    assert [len(load_data_set(tmp_path / "dataset.json", split)) for split in SPLITS] == [2, 2, 2]


def test_masks_are_not_taken_for_scans(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / f"x{number}_flair.nii.gz", number)
        write(tmp_path / f"x{number}_seg.nii.gz", number, mask=True)
    told = run(tmp_path, "--output", tmp_path / "dataset.json", status=2)
    assert "4 of the 8 scans that were found there have two values or one, as masks have" in told
    for number in range(4):  # of several tissues
        write(tmp_path / f"x{number}_seg.nii.gz", number)
    assert "4 are called like masks" in run(tmp_path, "--output", tmp_path / "dataset.json", status=2)


def test_wrong_use_is_one_sentence(tmp_path: Path) -> None:
    write(tmp_path / "data" / "a.nii.gz")
    for arguments, message in (
        ((tmp_path / "absent",), "does not exist"),
        ((tmp_path / "data",), "found 1 patients without lesions"),
        ((tmp_path / "data", "--valid", "0.7", "--test", "0.5"), "both together below 1"),
        ((tmp_path / "data", "--region-suffix", "_liver.nii.gz"), "has no mask of the region"),
    ):
        assert message in run(*arguments, "--output", tmp_path / "dataset.json", status=2)
    assert "ends in .json" in run(tmp_path, "--output", tmp_path / "x.txt", "--valid", "0", "--test", "0", status=2)
    assert not (tmp_path / "dataset.json").exists()
