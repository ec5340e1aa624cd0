"""How commands end: the same line, the same exit statuses, a traceback for who asks."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from monai_sar import __version__
from monai_sar.cli import app
from monai_sar.cli.failure import INTERRUPTED, WRONG_USE, printable, reported
from tests.conftest import BUNDLE

EVERY_COMMAND = [
    ["phantoms", "brain_mri", "file/below"],
    ["inspect", "absent"],
    ["train", str(BUNDLE), "absent"],
    ["calibrate", str(BUNDLE), "absent", "--checkpoint=absent.pt"],
    ["evaluate", str(BUNDLE), "absent"],
    ["predict", "absent", f"--bundle={BUNDLE}", "--output=output"],
    ["export", str(BUNDLE), "model.onnx", "--format=onnx", "--checkpoint=absent.pt"],
    ["prepare", "brats2021", "absent", "output"],
    ["prepare", "btcv-lits", "absent", "absent", "output"],
    ["prepare", "resc", "absent", "output"],
]


@pytest.mark.parametrize("arguments", EVERY_COMMAND, ids=" ".join)
def test_every_command_says_in_a_line_what_is_wrong_and_debug_shows_where(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    plain = CliRunner().invoke(app, arguments)
    assert plain.exit_code == WRONG_USE
    assert plain.stderr.startswith("monai-sar: ")
    assert plain.stderr.count("\n") == 1
    debugged = CliRunner().invoke(app, ["--debug", *arguments])
    assert debugged.exit_code == WRONG_USE
    assert debugged.stderr.startswith("Traceback (most recent call last):\n")
    assert debugged.stderr.endswith(plain.stderr)
    assert CliRunner().invoke(app, arguments).stderr == plain.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def swallow_ctrl_c() -> None:
    """As torch.save does."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise ValueError("could not determine the shape") from None


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """As on a terminal: whoever starts the tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_whatever_becomes_of_it_below(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(typer.Exit) as caught, reported("Stopped."):
        signal.raise_signal(signal.SIGINT)
    assert caught.value.exit_code == INTERRUPTED
    with pytest.raises(typer.Exit) as caught, reported("Stopped."):
        swallow_ctrl_c()
    assert caught.value.exit_code == INTERRUPTED
    assert capsys.readouterr().err == "monai-sar: Stopped.\n" * 2
    assert signal.getsignal(signal.SIGINT) is before


def test_a_command_that_ends_itself_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught, reported():
        raise typer.Exit(7)
    assert caught.value.exit_code == 7
    assert capsys.readouterr().err == ""


def test_names_of_bytes_that_are_no_characters_can_be_printed() -> None:
    assert printable(Path("a\udcff.png")) == "a?.png"
    assert printable("Läsion") == "Läsion"
    assert printable("one\n\ttwo\x1b[31m\r\x9b.png") == "one\n\ttwo?[31m??.png"


def test_version_is_told_without_waiting_for_torch() -> None:
    code = "import sys; from monai_sar.cli import app; app(['--version'], standalone_mode=False)"
    code += "; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"monai-sar {__version__}", "False"]
