"""The fuzz run: a number always does the same, and what breaks a promise is told."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.fuzzing.families import FAMILIES, Result
from benchmarks.fuzzing.guarded import try_number
from benchmarks.fuzzing.strange_values import SECRET
from monai_sar.scans import ScanError

NIFTI = FAMILIES["nifti.gz"]


def outcome_of(read: Callable[[Path], Result], tmp_path: Path) -> tuple[str, str]:
    """What is told of a reader, which reads the sound file first, and then one that is damaged."""
    family = replace(NIFTI, name=read.__qualname__, read=read, changes=())
    outcome = try_number(family, 7, tmp_path, case=tmp_path / "case")
    return outcome.kind, outcome.told


def changed(path: Path) -> bool:
    return "case" in path.parts


@pytest.mark.parametrize("name", ["nifti.gz", "png", "dicom", "datalist"])
def test_a_number_does_the_same_each_time(tmp_path: Path, name: str) -> None:
    files = []
    for case in ("one", "other"):
        try_number(FAMILIES[name], 5, tmp_path, case=tmp_path / case)
        files.append({path.name: path.read_bytes() for path in sorted((tmp_path / case / "files").rglob("*.*"))})
    assert files[0] == files[1]


def test_our_own_errors_are_refusals(tmp_path: Path) -> None:
    def read(path: Path) -> Result:
        if changed(path):
            raise ScanError("It is damaged.")
        return Result("", "")

    assert outcome_of(read, tmp_path) == ("refused", "It is damaged.")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeyError("x"), "KeyError, no error of ours"),
        (ScanError(f"It is of {SECRET}."), "tells what a header says"),
        (ScanError("x" * 9000), "the message has 9000 characters"),
    ],
)
def test_other_errors_and_messages_are_told(tmp_path: Path, error: Exception, told: str) -> None:
    def read(path: Path) -> Result:
        if changed(path):
            raise error
        return Result("", "")

    kind, text = outcome_of(read, tmp_path)
    assert kind == "broken"
    assert told in text


def test_damage_that_is_read_as_something_else_is_told_where_there_are_checksums(tmp_path: Path) -> None:
    def read(path: Path) -> Result:
        return Result(str(changed(path)), "")

    assert outcome_of(read, tmp_path) == ("broken", "damage that a checksum tells was not seen")
