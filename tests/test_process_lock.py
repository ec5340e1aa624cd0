"""One process at a time, and no lock is left behind."""

import errno
import fcntl
import json
import logging
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from monai_sar._process_lock import InUseError, ProcessLock

HOLD = """
import sys
from pathlib import Path
from monai_sar._process_lock import ProcessLock
ProcessLock(Path(sys.argv[1]), held="'folder' is trained in", advice="give another").take()
print("taken", flush=True)
sys.stdin.read()
"""

Hold = Callable[[], "subprocess.Popen[str]"]


def the_lock(path: Path) -> ProcessLock:
    return ProcessLock(path, held="'folder' is trained in", advice="give another")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / ".training.lock"


@pytest.fixture
def hold(path: Path) -> Iterator[Hold]:
    """Start a process that takes the lock, and keeps it until its standard input ends."""
    started: list[subprocess.Popen[str]] = []

    def start() -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", HOLD, str(path)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "taken\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_second_process_is_told_who_holds_it_and_a_third_takes_it_when_that_one_has_ended(
    hold: Hold, path: Path
) -> None:
    first = hold()
    lock = the_lock(path)
    with pytest.raises(InUseError) as caught:
        lock.take()
    who = rf"process {first.pid} on {socket.gethostname()} since 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d"
    with pytest.raises(InUseError, match=rf"^'folder' is trained in by {who}\. Wait until it has ended, or give anoth"):
        raise caught.value
    first.communicate()  # it ends without giving back
    assert not path.exists()
    lock.take()
    lock.take()
    assert json.loads(path.read_text())["host"] == socket.gethostname()
    lock.give_back()
    lock.give_back()
    assert list(path.parent.iterdir()) == []


def test_what_a_killed_process_held_is_free_at_once(hold: Hold, path: Path) -> None:
    killed = hold()
    killed.kill()
    killed.communicate()
    assert path.exists()
    lock = the_lock(path)
    lock.take()
    lock.give_back()
    assert not path.exists()


def test_who_waits_says_for_whom_and_goes_on(hold: Hold, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = hold()

    class End(logging.Handler):
        """Once the wait is told, the other process ends."""

        def emit(self, record: logging.LogRecord) -> None:
            first.communicate()

    logger = logging.getLogger("monai_sar._process_lock")
    logger.addHandler(handler := End())
    try:
        with the_lock(path).waited_for():
            assert first.returncode == 0
    finally:
        logger.removeHandler(handler)
    assert f"'folder' is trained in by process {first.pid} on" in caplog.text
    assert "Waiting for it; to not wait, give another" in caplog.text
    assert not path.exists()


def test_who_holds_it_may_take_it_again(path: Path) -> None:
    with the_lock(path).waited_for():
        signed = path.read_text()
        with the_lock(path).waited_for():
            assert path.read_text() == signed
        assert path.exists()
    assert not path.exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "by another process."),
        ("[]", "by another process."),
        ('{"pid": 1, "host": "a", "since": "\\u001b[31m"}', "by another process."),
        (
            '{"pid": 1, "host": "\\u001b[31m", "since": "2026-11-26T14:03:05+00:00"}',
            "by process 1 on another host since",
        ),
    ],
)
def test_nothing_of_a_strange_file_reaches_the_terminal(text: str, told: str, hold: Hold, path: Path) -> None:
    hold()
    path.write_text(text)
    with pytest.raises(InUseError) as caught:
        the_lock(path).take()
    assert told in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_where_the_file_system_has_no_locks_it_is_told_once(
    code: int, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def without(*arguments: Any) -> None:
        raise OSError(code, "no locks")

    monkeypatch.setattr(fcntl, "flock", without)
    for _ in range(2):
        with the_lock(path).waited_for():
            assert list(path.parent.iterdir()) == []
    assert caplog.text.count("has no locks") == 1
    assert str(path.parent) in caplog.text


def test_another_error_of_the_system_is_not_taken_for_a_file_system_without_locks(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(OSError, match="lock"):
        the_lock(tmp_path / "lock").take()
