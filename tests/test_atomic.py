"""Files are written whole or not at all."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from monai_sar._atomic import atomic_path, remove_leftovers


def test_the_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    destination = tmp_path / "new" / "map.nii.gz"
    with atomic_path(destination) as partial:
        assert partial.name.endswith(".nii.gz")
        assert partial.parent == destination.parent
        partial.write_text("whole")
        assert not destination.exists()
    assert destination.read_text() == "whole"
    assert list(destination.parent.iterdir()) == [destination]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    destination = tmp_path / "metrics.json"
    destination.write_text("old")

    def fail() -> None:
        with atomic_path(destination) as partial:
            partial.write_text("half")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        fail()
    assert destination.read_text() == "old"
    assert list(tmp_path.iterdir()) == [destination]


def test_results_are_as_readable_as_any_other_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with atomic_path(tmp_path / "result") as partial:
        partial.touch()
    assert (tmp_path / "result").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.skipif(sys.platform == "win32", reason="files are not locked there")
def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    write = "import os, sys; from monai_sar._atomic import atomic_path\nwith atomic_path(sys.argv[1]): os._exit(9)"
    subprocess.run([sys.executable, "-c", write, tmp_path / "killed.pt"], check=False)
    assert len(list(tmp_path.glob(".partial-*"))) == 1
    with atomic_path(tmp_path / "living.pt") as partial:
        remove_leftovers([tmp_path])
        assert list(tmp_path.iterdir()) == [partial]
        partial.write_text("whole")
        remove_leftovers([tmp_path])
    assert [path.name for path in tmp_path.iterdir()] == ["living.pt"]


@pytest.mark.skipif(sys.platform == "win32", reason="files are not locked there")
def test_what_is_being_written_is_never_taken_for_left_behind(tmp_path: Path) -> None:
    """Not even between the moments in which it is made and locked."""
    written = threading.Event()

    def clear() -> None:
        while not written.is_set():
            remove_leftovers([tmp_path])

    clearing = [threading.Thread(target=clear) for _ in range(3)]
    for thread in clearing:
        thread.start()
    try:
        for number in range(400):
            with atomic_path(tmp_path / "result") as partial:
                partial.write_text(str(number))
            assert (tmp_path / "result").read_text() == str(number)
    finally:
        written.set()
        for thread in clearing:
            thread.join()
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def test_whatever_writes_into_a_folder_first_removes_what_was_left_there(tmp_path: Path) -> None:
    (tmp_path / ".partial-of-a-killed-run.csv").touch()
    with atomic_path(tmp_path / "metrics.json") as partial:
        partial.touch()
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.json"]
