"""What does not fit is named, with its disk, and nothing of it stays."""

import errno
from pathlib import Path

import pytest
import torch

from monai_sar._atomic import atomic_path
from monai_sar._full_disk import FullDiskError, full_disk_named
from monai_sar.engines import RunFolder
from monai_sar.inferers import ScanPredictor
from monai_sar.results import write_result
from tests.conftest import save_nifti
from tests.full_disk import files_limited_to, fill, small_disk

__all__ = ["small_disk"]


def write(path: Path, size: int) -> None:
    with atomic_path(path) as partial:
        partial.write_bytes(b"\1" * size)


def test_a_full_disk_is_named_with_the_file_and_its_room(small_disk: Path) -> None:
    path = small_disk / "new" / "map.nii.gz"
    with pytest.raises(FullDiskError) as caught:
        write(path, 2**21)
    assert str(caught.value) == (
        f"Cannot write '{path}': No space left on '{small_disk}', where 1.0 of 1.0 MiB are free without it. "
        "Free some there, or write to another disk."
    )
    assert list(path.parent.iterdir()) == []


def test_a_limit_of_files_is_named_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    write(path, 10)
    with (
        files_limited_to(1000),
        pytest.raises(FullDiskError, match=rf"^Cannot write '{path}': File too large for '/.*lim"),
    ):
        write(path, 2000)
    assert path.read_bytes() == b"\1" * 10
    assert list(tmp_path.iterdir()) == [path]


def fail_wrapped(code: int) -> None:
    """As a library does that answers with an error of its own."""
    try:
        raise OSError(code, "of the system")
    except OSError:
        raise RuntimeError("of the library")  # noqa: B904 (as they do)


def test_the_error_of_the_system_is_found_below_that_of_a_library(tmp_path: Path) -> None:
    with pytest.raises(FullDiskError, match="Quota used up on '/"), full_disk_named(tmp_path / "file"):
        fail_wrapped(errno.EDQUOT)
    with pytest.raises(RuntimeError, match="of the library"), full_disk_named(tmp_path / "file"):
        fail_wrapped(errno.EIO)


def test_training_keeps_the_state_before(small_disk: Path) -> None:
    folder = RunFolder(small_disk / "models", settings={})
    folder.claim()
    folder.save({"epoch": 1})
    with pytest.raises(FullDiskError, match=f"Cannot write '{folder.unfinished}': No space left on '{small_disk}'"):
        folder.save({"epoch": 2, "weights": torch.rand(2**19)})
    with pytest.raises(FullDiskError, match=str(folder.best)):
        folder.save_best({"weights": torch.rand(2**19)})
    state = folder.load()
    assert state is not None
    assert state["epoch"] == 1
    folder.release()
    assert list(folder.best.parent.iterdir()) == [folder.unfinished]


def test_a_result_is_written_as_a_whole_or_not_at_all(
    predictor: ScanPredictor, small_disk: Path, tmp_path: Path
) -> None:
    result = predictor(save_nifti(tmp_path / "head.nii.gz"))
    out = small_disk / "out"
    write_result(result, out)
    whole = {path.name: path.stat().st_size for path in out.iterdir()}
    assert len(whole) == 4
    told: list[str] = []
    for free in range(0, sum(whole.values()) + 2**15, 2**14):
        for path in out.iterdir():
            path.unlink()
        fill(small_disk, free)
        failed_before = len(told)
        try:
            write_result(result, out)
        except FullDiskError as error:
            told.append(str(error))
        expected = whole.keys() if len(told) == failed_before else set()
        assert {path.name for path in out.iterdir()} == expected
    assert all(f"No space left on '{small_disk}'" in message for message in told)
    named = {message.split("'")[1] for message in told}
    assert {str(out / name) for name in ("head_anomaly.nii.gz", "head_overlay.png")} <= named
    assert len(list(out.iterdir())) == 4
