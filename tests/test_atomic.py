"""Files are written whole or not at all."""

import subprocess
import sys
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
