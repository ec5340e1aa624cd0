"""``monai-sar phantoms`` as a user calls it."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from monai_sar.cli import app

FEW = [
    "--train-subjects=1",
    "--valid-normal=0",
    "--valid-abnormal=0",
    "--test-normal=0",
    "--test-abnormal=1",
    "--slices-per-subject=2",
]


def monai_sar(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "monai_sar.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_phantoms_are_written_then_reused_and_other_settings_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = monai_sar("phantoms", "brain_mri", str(out), *FEW)
    assert first.returncode == 0, first.stderr
    assert len(list(out.glob("bmad/train/good/phantom_0000_s*.png"))) == 2
    assert len(list(out.glob("nifti/*_flair.nii.gz"))) == 5

    # in this process, because importing takes longer than all else
    again = CliRunner().invoke(app, ["phantoms", "brain_mri", str(out), *FEW])
    assert again.exit_code == 0, again.output
    assert "already" in again.output

    other = CliRunner().invoke(app, ["phantoms", "brain_mri", str(out), *FEW, "--seed=1"])
    assert other.exit_code == 2
    assert len(other.stderr.splitlines()) == 1
    assert "seed is 0, asked for 1" in other.stderr
    assert str(out) in other.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["phantoms", "liver_mri", "out"], "liver_mri"),
        (["phantoms", "brain_mri"], "output"),
        (["phantoms", "brain_mri", "out", "--train-subjects=-1"], "--train-subjects"),
        (["phantom"], "phantom"),
        (["brain_mri", "out"], "brain_mri"),
    ],
)
def test_wrong_use_exits_2_and_says_what_is_wrong(arguments: list[str], message: str) -> None:
    wrong = monai_sar(*arguments)
    assert wrong.returncode == 2
    assert message in wrong.stderr.lower()
    assert "Traceback" not in wrong.stderr


def test_help_names_the_domain_and_needs_no_heavy_import() -> None:
    check = (
        "import sys; from typer.testing import CliRunner; from monai_sar.cli import app; "
        "result = CliRunner().invoke(app, ['phantoms', '--help']); "
        "assert result.exit_code == 0 and 'brain_mri' in result.output, result.output; "
        "assert not {'torch', 'monai', 'scipy', 'numpy'} & set(sys.modules), 'heavy'"
    )
    subprocess.run([sys.executable, "-c", check], check=True)
