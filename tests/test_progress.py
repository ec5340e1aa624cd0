"""Long work shows one bar, on a terminal, while it lasts."""

from contextlib import redirect_stderr

import pytest

from monai_sar._progress import progress_bar
from tests.terminal import Terminal


def work() -> None:
    assert list(progress_bar([3, 1, 2], task="Counting sheep", unit="sheep")) == [3, 1, 2]


def test_a_bar_stays_in_its_line_and_is_cleared(terminal: Terminal) -> None:
    with redirect_stderr(terminal.file):
        work()
    first, *between, last, end = terminal.shown().split("\r")
    assert first == ""
    assert all("Counting sheep" in each and "/3" in each for each in between)
    assert len(set(between)) == len(between) > 0  # nothing is drawn twice
    assert (last.strip(), end) == ("", "")
    assert not any("\n" in each for each in between)


def test_nothing_is_shown_in_a_file(capfd: pytest.CaptureFixture[str]) -> None:
    work()
    assert capfd.readouterr() == ("", "")


def test_nothing_is_shown_where_standard_error_is_closed() -> None:
    with redirect_stderr(None):
        work()


def test_of_several_processes_the_first_shows_it(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    with redirect_stderr(terminal.file):
        work()
    assert terminal.shown() == ""
    monkeypatch.setenv("RANK", "0")
    with redirect_stderr(terminal.file):
        work()
    assert "Counting sheep" in terminal.shown()
