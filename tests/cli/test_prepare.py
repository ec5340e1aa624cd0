"""``monai-sar prepare`` as a user calls it."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from monai_sar.cli.prepare import app
from tests.prepare.raw_sets import check_prepared, write_brats, write_livers, write_resc


def test_the_three_sets_are_written_and_counted(tmp_path: Path) -> None:
    raw = {name: tmp_path / name for name in ("brats", "btcv", "lits", "resc")}
    write_brats(raw["brats"], 4)
    write_livers(raw["btcv"], raw["lits"])
    write_resc(raw["resc"])
    calls = {
        "brain": ["brats2021", str(raw["brats"])],
        "liver": ["btcv-lits", str(raw["btcv"]), str(raw["lits"])],
        "eye": ["resc", str(raw["resc"])],
    }
    options = {"brain": ["--bone"], "liver": ["--equalize", "--window", "-100", "250"], "eye": ["--seed", "2"]}
    for name, call in calls.items():
        out = str(tmp_path / "out" / name)
        first = CliRunner().invoke(app, [*call, out, *options[name]])
        assert first.exit_code == 0, first.output
        rows = check_prepared(tmp_path / "out" / name, raw.values())
        trained_on = sum(row["split"] == "train" for row in rows)
        assert f"train: {trained_on} good slices" in first.stdout

        again = CliRunner().invoke(app, [*call, out, *options[name]])
        assert again.exit_code == 0
        assert "there already" in again.stdout

        other = CliRunner().invoke(app, [*call, out])
        assert other.exit_code == 2
        assert len(other.stderr.splitlines()) == 1
        assert "other settings" in other.stderr


def test_a_damaged_scan_is_one_line_and_exit_1(tmp_path: Path) -> None:
    write_brats(tmp_path / "raw", 4)
    scan = next((tmp_path / "raw").rglob("BraTS2021_00002_seg.nii.gz"))
    scan.write_bytes(b"no NIfTI")
    result = CliRunner().invoke(app, ["brats2021", str(tmp_path / "raw"), str(tmp_path / "out")])
    assert result.exit_code == 1
    lines = [line for line in result.stderr.splitlines() if line.startswith("FAILED")]
    assert len(lines) == 1
    assert str(scan) in lines[0]
    assert "copy" in lines[0]
    assert "1 scans failed" in result.stderr


@pytest.mark.parametrize("command", [["brats2021"], ["btcv-lits", "."], ["resc"]])
def test_missing_raw_data_are_one_line_and_exit_2(command: list[str], tmp_path: Path) -> None:
    missing = [part if part != "." else str(tmp_path) for part in command]
    result = CliRunner().invoke(app, [*missing, str(tmp_path / "nowhere"), str(tmp_path / "out")])
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "expected" in result.stderr
    assert not (tmp_path / "out").exists()


def test_help_needs_no_heavy_import() -> None:
    check = (
        "import sys; from typer.testing import CliRunner; from monai_sar.cli.prepare import app; "
        "result = CliRunner().invoke(app, ['--help']); "
        "assert result.exit_code == 0 and 'btcv-lits' in result.output, result.output; "
        "assert not {'torch', 'monai', 'scipy', 'numpy'} & set(sys.modules), 'heavy'"
    )
    subprocess.run([sys.executable, "-c", check], check=True)
