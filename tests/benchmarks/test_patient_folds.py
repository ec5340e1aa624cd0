"""Each patient is held out once, and nobody who is has been seen before."""

import json
from pathlib import Path

import pytest

from benchmarks.patient_folds import cross_validation
from benchmarks.patient_folds import test_split as whole_split
from monai_sar.datasets import DatasetError, load_data_set
from monai_sar.datasets.data_set_item import DataSetItem
from tests.benchmarks.conftest import write_volumes


def patients(items: list[DataSetItem]) -> set[str]:
    """Who is in a list."""
    return {str(item["patient"]) for item in items}


def test_every_scan_is_held_out_once_and_no_patient_is_in_two_parts(tmp_path: Path) -> None:
    folds = cross_validation(write_volumes(tmp_path, 7, scans=2), 3, seed=0)
    held = [item["image"] for fold in folds for item in fold.held]
    assert len(held) == len(set(held)) == 14
    for fold in folds:
        parts = [patients(part) for part in fold]
        assert all(parts)
        assert sum(map(len, parts)) == len(set.union(*parts)) == 7


def test_the_seed_decides(tmp_path: Path) -> None:
    datalist = write_volumes(tmp_path, 7)
    assert cross_validation(datalist, 3, seed=0) == cross_validation(datalist, 3, seed=0)
    assert cross_validation(datalist, 3, seed=0) != cross_validation(datalist, 3, seed=1)


def test_a_training_sees_a_datalist_without_those_who_are_held_out(tmp_path: Path) -> None:
    for fold in cross_validation(write_volumes(tmp_path, 4), 4, seed=0):
        file = fold.write_datalist(tmp_path / "elsewhere")
        assert "testing" not in json.loads(file.read_text())
        for split, part in (("train", fold.train), ("valid", fold.valid)):
            read = load_data_set(file, split)  # type: ignore[arg-type]
            assert [item["image"] for item in read] == [item["image"] for item in part]
            assert patients(read) == patients(part)


def test_testing_is_scored_as_the_datalist_says(tmp_path: Path) -> None:
    datalist = write_volumes(tmp_path, 5)
    listed = json.loads(datalist.read_text())
    listed["testing"] = [listed["training"].pop()]
    datalist.write_text(json.dumps(listed))
    train, valid, held = whole_split(datalist)
    assert (patients(train), patients(valid), patients(held)) == ({"P0", "P1"}, {"P3", "P4"}, {"P2"})


def test_what_cannot_be_compared_is_told(tmp_path: Path) -> None:
    datalist = write_volumes(tmp_path, 4)
    with pytest.raises(DatasetError, match="asked for 5 folds of 4 patients"):
        cross_validation(datalist, 5, seed=0)
    with pytest.raises(DatasetError, match="asked for 2 folds"):
        cross_validation(datalist, 2, seed=0)
    listed = json.loads(datalist.read_text())
    del listed["validation"][0]["label"]
    listed["validation"][0]["abnormal"] = 1
    datalist.write_text(json.dumps(listed))
    with pytest.raises(DatasetError, match="1 abnormal scans without a label"):
        cross_validation(datalist, 3, seed=0)
    del listed["training"][0]["patient"]
    datalist.write_text(json.dumps(listed))
    with pytest.raises(DatasetError, match="1 scans of unknown patients"):
        cross_validation(datalist, 3, seed=0)
