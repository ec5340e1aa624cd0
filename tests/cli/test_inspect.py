"""``monai-sar inspect`` as a user calls it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from monai_sar.cli.inspect import inspect
from tests.conftest import save_nifti

APP = typer.Typer()
APP.command()(inspect)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(APP, list(arguments))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A clean set in layout A, with [brackets] in the names of its folder."""
    root = tmp_path / "set [bold]"
    random = np.random.default_rng(0)
    mask = np.zeros((12, 10), np.uint8)
    mask[2:5, 2:5] = 255
    for name, patient in (
        ("train/good", 1),
        ("valid/good/img", 2),
        ("valid/Ungood/img", 3),
        ("test/good/img", 4),
        ("test/Ungood/img", 5),
    ):
        (root / name).mkdir(parents=True)
        Image.fromarray(random.integers(0, 65536, (12, 10), np.uint16)).save(
            root / name / f"phantom_000{patient}_s00.png"
        )
        if "Ungood" in name:
            label = root / name.replace("img", "label")
            label.mkdir()
            Image.fromarray(mask).save(label / f"phantom_000{patient}_s00.png")
    return root


def test_a_clean_set_exits_0_and_is_described(dataset: Path) -> None:
    result = run(str(dataset))
    assert result.exit_code == 0, result.output
    assert f"{dataset}: BMAD layout A" in result.stdout
    assert "phantoms (5 images)" in result.stdout
    assert "errors: 0, warnings: 0, notes: 0" in result.stdout
    rows = {line.split()[0]: line.split()[1:3] for line in result.stdout.splitlines() if "12 x 10" in line}
    assert rows == {f"{place}": ["1", "1"] for place in rows}
    assert list(rows) == ["train/good", "valid/good", "valid/Ungood", "test/good", "test/Ungood"]


def test_an_error_exits_1_and_names_the_whole_path(dataset: Path) -> None:
    name = "valid/good/img/" + "x" * 120 + ".png"
    (dataset / name).write_bytes(b"")
    result = run(str(dataset))
    assert result.exit_code == 1
    line = next(line for line in result.stdout.splitlines() if line.startswith("ERROR"))
    assert name in line
    assert "errors: 1, warnings: 0, notes: 1" in result.stdout


def test_a_warning_alone_exits_0(dataset: Path) -> None:
    Image.new("L", (10, 12)).save(dataset / "test/Ungood/label/phantom_0005_s00.png")
    result = run(str(dataset))
    assert result.exit_code == 0
    assert "WARNING" in result.stdout


def test_json_is_one_document_with_stable_keys(dataset: Path) -> None:
    (dataset / "test/good/img/phantom_0001_s01.png").write_bytes(b"no image")
    result = run(str(dataset), "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert list(document) == [
        "data_set",
        "layout",
        "patients_told_by",
        "places",
        "findings",
        "errors",
        "warnings",
        "notes",
        "calibration",
    ]
    assert document["data_set"] == str(dataset)
    assert document["layout"]["name"] == "A"
    assert document["places"][2] == {
        "split": "valid",
        "class": "Ungood",
        "images": 1,
        "patients": 1,
        "patient_unknown": 0,
        "sizes": {"12 x 10": 1},
        "pixels": {"16-bit grey": 1},
        "formats": {"PNG": 1},
        "lossy": 0,
        "masks": 1,
        "masks_empty": 0,
    }
    assert [finding["code"] for finding in document["findings"]] == ["image-unreadable", "patient-in-train-and-test"]
    assert document["findings"][1]["files"] == ["train/good/phantom_0001_s00.png", "test/good/img/phantom_0001_s01.png"]
    assert all(list(finding) == ["severity", "code", "message", "files"] for finding in document["findings"])
    assert (document["errors"], document["warnings"], document["notes"]) == (2, 0, 0)


@pytest.mark.parametrize("as_json", [False, True])
def test_wrong_use_exits_2_and_prints_nothing_on_standard_output(tmp_path: Path, as_json: bool) -> None:
    for folder, message in ((tmp_path / "absent", "no such folder"), (tmp_path, "BMAD layouts")):
        result = run(str(folder), *["--json"] * as_json)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert result.stderr.startswith(f"monai-sar: {folder}")
        assert message in result.stderr
    assert run().exit_code == 2


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are always characters there")
def test_file_names_that_are_no_characters_are_shown(dataset: Path) -> None:
    (dataset / "train/good/\udcff.png").write_bytes(b"no image")
    result = run(str(dataset))
    assert result.exit_code == 1
    assert "train/good/?.png" in result.stdout
    assert json.loads(run(str(dataset), "--json").stdout)["errors"] == 1


def test_help_needs_no_heavy_import() -> None:
    check = (
        "import sys, typer; from typer.testing import CliRunner; from monai_sar.cli.inspect import inspect; "
        "app = typer.Typer(); app.command()(inspect); result = CliRunner().invoke(app, ['--help']); "
        "assert result.exit_code == 0 and 'manifest.csv' in result.output, result.output; "
        "assert not {'torch', 'monai', 'scipy', 'numpy'} & set(sys.modules), 'heavy'"
    )
    subprocess.run([sys.executable, "-c", check], check=True)


def test_a_datalist_is_inspected_and_says_what_its_normal_patients_promise(tmp_path: Path) -> None:
    items = []
    for number in range(16):
        voxels = np.random.default_rng(number).integers(0, 900, (6, 7, 5)).astype(np.int16)
        save_nifti(tmp_path / f"{number}.nii.gz", voxels, np.diag([1.0, 1.0, 3.0, 1.0]))
        items.append({"image": f"{number}.nii.gz", "patient": f"P{number}"})
    document = {"training": items[:1], "validation": items[1:15], "testing": items[15:]}
    (tmp_path / "dataset.json").write_text(json.dumps(document))
    result = run(str(tmp_path / "dataset.json"))
    assert result.exit_code == 0, result.output
    assert f"{tmp_path / 'dataset.json'}: 16 scans" in result.stdout
    assert "14 normal patients: the smallest rate is 6.7 %, 5 % takes 19, 1 % takes 99." in result.stdout
    rows = [line.split()[:3] for line in result.stdout.splitlines() if "6 x 7 x 5" in line]
    assert rows == [["train/good", "1", "1"], ["valid/good", "14", "14"], ["test/good", "1", "1"]]
    told = json.loads(run(str(tmp_path / "dataset.json"), "--json").stdout)
    assert told["calibration"]["normal_patients"] == 14
    assert told["calibration"]["smallest_rate"] == pytest.approx(1 / 15)


def test_a_datalist_with_a_patient_in_two_splits_exits_1(tmp_path: Path) -> None:
    items = [{"image": f"{number}.nii.gz", "patient": "P1"} for number in range(2)]
    (tmp_path / "dataset.json").write_text(json.dumps({"training": items[:1], "testing": items[1:]}))
    result = run(str(tmp_path / "dataset.json"))
    assert result.exit_code == 1
    assert "found patients in both training and testing: 1 (P1: 1 + 1 scans)" in result.stdout
    assert run(str(tmp_path / "absent.json")).exit_code == 2
