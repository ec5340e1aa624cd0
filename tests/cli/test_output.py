"""A command whose output nobody takes ends with a sentence and a status, and without a traceback."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import TextIO

import pytest

from monai_sar.cli import app
from monai_sar.cli.output import NO_OUTPUT
from tests.bundles.conftest import TINY
from tests.conftest import BUNDLE, save_nifti

NOT_READ = "monai-sar: Ended, because what it writes is no longer read.\n"


@pytest.fixture
def unread() -> Iterator[TextIO]:
    """A pipe whose reader has gone, as ``head`` has after its first line."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    yield stream
    stream.close()


def status(*arguments: object, stdout: TextIO) -> int | str | None:
    with redirect_stdout(stdout), pytest.raises(SystemExit) as ended:
        app([str(each) for each in arguments])
    return ended.value.code


@pytest.mark.parametrize("command", app.registered_commands, ids=lambda command: command.callback.__name__)
def test_every_command_ends_when_its_help_is_not_read(
    command: object, unread: TextIO, capsys: pytest.CaptureFixture[str]
) -> None:
    name = command.callback.__name__  # type: ignore[attr-defined]
    assert status(name, "--help", stdout=unread) == NO_OUTPUT
    assert capsys.readouterr().err == NOT_READ


def test_predict_ends_after_the_line_that_is_not_read(
    checkpoint: Path, unread: TextIO, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        save_nifti(tmp_path / "scans" / f"{name}.nii.gz")
    options = [f"--bundle={BUNDLE}", f"--checkpoint={checkpoint}", f"--output={tmp_path / 'out'}"]
    assert status("predict", tmp_path / "scans", *options, stdout=unread) == NO_OUTPUT
    assert capsys.readouterr().err == NOT_READ
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [  # whole, and the second was not begun
        "a_anomaly.nii.gz",
        "a_overlay.png",
        "a_report.json",
    ]


@pytest.mark.usefixtures("logging_as_before")
def test_train_ends_too_though_logging_goes_on_after_errors(
    bmad: Path, unread: TextIO, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [f"--ckpt-dir={tmp_path / 'models'}", f"--output={tmp_path}", f"--set=feature_dir={tmp_path}/features"]
    tiny = [f"--set={key}={value}" for key, value in TINY.items()]
    assert status("train", BUNDLE, bmad, *folders, *tiny, stdout=unread) == NO_OUTPUT
    assert capsys.readouterr().err == NOT_READ
    assert not (tmp_path / "models" / "model.pt").exists()


@pytest.mark.parametrize(
    "arguments", [["inspect", "{bmad}"], ["split", "{bmad}/test/good/img", "-o", "{out}/set.json"]]
)
def test_tables_that_are_not_read(
    arguments: list[str], bmad: Path, unread: TextIO, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rich, which prints them, would end without a word."""
    assert status(*(each.format(bmad=bmad, out=tmp_path) for each in arguments), stdout=unread) == NO_OUTPUT
    assert capsys.readouterr().err == NOT_READ


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is always full")
def test_a_full_disk_below_standard_output(bmad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    full = Path("/dev/full").open("w")  # noqa: SIM115
    assert status("inspect", bmad, stdout=full) == NO_OUTPUT
    assert (
        capsys.readouterr().err == "monai-sar: Ended, because its output cannot be written: No space left on device.\n"
    )
    full.close()


def test_closed_from_the_start_it_does_nothing(tmp_path: Path) -> None:
    command = f"{sys.executable} -m monai_sar.cli phantoms brain_mri {tmp_path / 'out'} >&-"
    done = subprocess.run(["bash", "-c", command], stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == NO_OUTPUT
    assert done.stderr == ("monai-sar: Ended, because standard output is closed; send it to a file or to /dev/null.\n")
    assert not (tmp_path / "out").exists()


def test_with_standard_error_in_the_same_pipe_it_ends_silently() -> None:
    command = f"{sys.executable} -m monai_sar.cli --help 2>&1 | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == f"{NO_OUTPUT}\n"
    assert done.stderr == ""
