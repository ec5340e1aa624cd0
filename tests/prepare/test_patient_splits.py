"""Splits of patients: disjoint, of the right sizes, the same everywhere."""

from collections import Counter

import pytest

from monai_sar.datasets.bmad_folder import DatasetError
from monai_sar.datasets.bmad_layouts import Split
from monai_sar.prepare.patient_splits import split_patients

PATIENTS = [f"{number:05d}" for number in range(1251)]
SHARES: dict[Split, float] = {"test": 91 / 1251, "valid": 0.01}


def test_every_patient_is_in_one_split_of_the_size_asked_for() -> None:
    splits = split_patients(PATIENTS, shares=SHARES, rest="train", seed=0)
    assert splits.keys() == set(PATIENTS)
    assert Counter(splits.values()) == {"train": 1147, "test": 91, "valid": 13}


def test_order_and_repeats_do_not_matter_but_the_seed_does() -> None:
    first = split_patients(PATIENTS, shares=SHARES, rest="train", seed=3)
    assert split_patients(reversed([*PATIENTS, *PATIENTS]), shares=SHARES, rest="train", seed=3) == first
    assert split_patients(PATIENTS, shares=SHARES, rest="train", seed=4) != first


def test_the_draw_is_not_the_order_of_the_names() -> None:
    splits = split_patients(PATIENTS, shares=SHARES, rest="train", seed=0)
    drawn = sorted(int(name) for name, split in splits.items() if split == "test")
    assert drawn[0] < 100
    assert drawn[-1] > 1150


def test_the_draw_of_this_version_is_the_draw_of_the_next() -> None:
    splits = split_patients(PATIENTS, shares=SHARES, rest="train", seed=0)
    valid = sorted(name for name, split in splits.items() if split == "valid")
    assert valid[:3] == ["00278", "00295", "00386"]


def test_the_smallest_share_is_one_patient_and_too_few_are_refused() -> None:
    assert sorted(split_patients("abc", shares=SHARES, rest="train", seed=0).values()) == ["test", "train", "valid"]
    with pytest.raises(DatasetError, match=r"found 2 patients.*at least 3"):
        split_patients("ab", shares=SHARES, rest="train", seed=0)
