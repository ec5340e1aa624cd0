"""A run that was killed, met a damaged scan, or finds the folder in use."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from monai_sar.datasets.settings_file import FolderInUseError
from monai_sar.prepare import prepare_brats2021
from tests.prepare.raw_sets import check_prepared, digests, manifest, write_brats


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    raw = tmp_path_factory.mktemp("raw")
    write_brats(raw)
    return raw


@pytest.fixture(scope="module")
def whole(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("whole") / "brain_mri"
    prepare_brats2021(raw, output)
    return output


def test_a_killed_run_goes_on_to_the_same_bytes(raw: Path, whole: Path, tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    call = f"from monai_sar.prepare import *; prepare_brats2021({str(raw)!r}, {str(killed)!r})"
    process = subprocess.Popen([sys.executable, "-c", call])
    try:
        deadline = time.monotonic() + 120
        while len(list(killed.glob(".prepared/0*.csv"))) < 3 and time.monotonic() < deadline:
            time.sleep(0.002)
    finally:
        process.kill()
        process.wait()
    assert not (killed / "manifest.csv").exists()
    done = {path.stem for path in killed.glob(".prepared/0*.csv")}
    assert 3 <= len(done) < 14
    kept = {path: path.stat().st_mtime_ns for path in killed.rglob("*.png") if path.stem.split("_")[0] in done}
    undone = next(row["file"] for row in manifest(whole) if Path(row["file"]).stem.split("_")[0] not in done)
    # half a file, and a slice of a patient who was not finished and whose scan is another one by now
    (killed / undone).parent.mkdir(parents=True, exist_ok=True)
    (killed / undone).with_name(".partial-left.png").write_bytes(b"half a file")
    (killed / undone).with_name(f"{Path(undone).stem.split('_')[0]}_999.png").write_bytes(b"old")

    with pytest.raises(FolderInUseError, match=r"seed is 0, asked for 1.*another folder or delete"):
        prepare_brats2021(raw, killed, seed=1)
    report = prepare_brats2021(raw, killed)
    assert report.written == 14 - len(done)
    assert digests(killed) == digests(whole)
    assert all(path.stat().st_mtime_ns == before for path, before in kept.items())


def test_a_damaged_scan_is_named_and_done_when_it_is_mended(whole: Path, tmp_path: Path) -> None:
    raw, output = tmp_path / "raw", tmp_path / "out"
    write_brats(raw)
    scan = next(raw.rglob("BraTS2021_00004_flair.nii.gz"))
    bytes_of_scan = scan.read_bytes()
    scan.write_bytes(bytes_of_scan[: len(bytes_of_scan) // 2])
    for _ in range(2):
        report = prepare_brats2021(raw, output)
        assert len(report.failed) == 1
        assert report.failed[0].startswith(f"{scan}: cannot be read")
        assert not list(output.rglob("00004_*.png"))
        expected = [row for row in manifest(whole) if row["patient"] != "BraTS2021_00004"]
        assert manifest(output) == expected
    assert report.written == 0
    scan.write_bytes(bytes_of_scan)
    assert prepare_brats2021(raw, output).written == 1
    assert digests(output) == digests(whole)
    check_prepared(output, [raw])


def test_other_patients_are_refused_because_the_splits_would_change(whole: Path, tmp_path: Path) -> None:
    write_brats(tmp_path / "raw", 15)
    before = digests(whole)
    with pytest.raises(FolderInUseError, match="scans is 14, asked for 15"):
        prepare_brats2021(tmp_path / "raw", whole)
    assert digests(whole) == before


def test_a_folder_of_something_else_is_refused(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    with pytest.raises(FolderInUseError, match="holds test from elsewhere"):
        prepare_brats2021(raw, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["test"]


def test_settings_that_cannot_be_read_are_refused(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "prepare.json").write_text("{")
    with pytest.raises(FolderInUseError, match="cannot be read"):
        prepare_brats2021(raw, tmp_path)


def test_the_settings_stand_beside_the_data(whole: Path) -> None:
    settings = json.loads((whole / "prepare.json").read_text())
    assert settings.items() >= {"data_set": "brats2021", "bone": False, "seed": 0, "scans": 14}.items()
