"""Whatever the patients: each goes into one split whole, none is left out, and no split with a share is empty."""

from collections import Counter

import numpy as np
import pytest

from monai_sar.datasets import DatasetError
from monai_sar.datasets.split_patients import SplitShares, split_patients


def people(normal: int, abnormal: int) -> dict[str, bool]:
    return {f"n{number}": False for number in range(normal)} | {f"a{number}": True for number in range(abnormal)}


@pytest.mark.parametrize("seed", range(40))
def test_every_patient_goes_into_one_split_and_none_is_empty(seed: int) -> None:
    rng = np.random.default_rng(seed)
    patients = people(int(rng.integers(3, 30)), int(rng.integers(0, 30)))
    train_on_lesion_scans = bool(rng.integers(2))
    valid, test = (float(share) for share in rng.uniform(0.01, 0.48, 2))
    shares = SplitShares(valid=valid, test=test, train_on_lesion_scans=train_on_lesion_scans, seed=seed)
    split = split_patients(patients, shares)
    assert split.keys() == patients.keys()
    assert {fold for _, fold in split.values()} == {None}
    counts = Counter(name for name, _ in split.values())
    assert all(counts[name] >= 1 for name in ("train", "valid", "test"))
    normal = Counter(name for patient, (name, _) in split.items() if not patients[patient])
    if not train_on_lesion_scans:
        assert all(normal[name] >= 1 for name in ("train", "valid", "test"))
        assert not [patient for patient, (name, _) in split.items() if name == "train" and patients[patient]]
    drawn_from = counts if train_on_lesion_scans else normal
    total = sum(drawn_from.values())
    assert drawn_from["test"] == pytest.approx(max(shares.test * total, 1), abs=1.01)
    assert split_patients(dict(reversed(patients.items())), shares) == split


@pytest.mark.parametrize("seed", range(60))
def test_of_few_normal_patients_validation_has_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    patients = people(int(rng.integers(2, 5)), int(rng.integers(1, 60)))
    valid, test = (float(share) for share in rng.uniform(0.01, 0.48, 2))
    shares = SplitShares(valid=valid, test=test * int(rng.integers(2)), train_on_lesion_scans=True, seed=seed)
    split = split_patients(patients, shares)
    assert [patient for patient, (name, _) in split.items() if name == "valid" and not patients[patient]]
    assert "train" in {name for name, _ in split.values()}
    counts = Counter(name for name, _ in split.values())
    total = len(patients)
    assert counts["valid"] == pytest.approx(max(valid * total, 1), abs=1.01)
    assert counts["test"] == pytest.approx(max(shares.test * total, 1) if shares.test else 0, abs=1.01)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("train_on_lesion_scans", [False, True])
def test_folds_are_alike_and_none_is_empty(seed: int, train_on_lesion_scans: bool) -> None:
    rng = np.random.default_rng(seed)
    patients = people(int(rng.integers(8, 30)), int(rng.integers(0, 30)))
    shares = SplitShares(folds=5, test=0.2, train_on_lesion_scans=train_on_lesion_scans, seed=seed)
    split = split_patients(patients, shares)
    assert {name for name, _ in split.values()} == {"train", "test"}
    assert all((fold is None) == (name == "test") for name, fold in split.values())
    sizes = Counter(fold for name, fold in split.values() if name == "train")
    assert sorted(size for size in sizes if size is not None) == [0, 1, 2, 3, 4]
    assert max(sizes.values()) - min(sizes.values()) <= 2
    if not train_on_lesion_scans:
        assert not [patient for patient, (name, _) in split.items() if name == "train" and patients[patient]]


def test_lesions_are_divided_like_the_others_if_they_are_trained_on() -> None:
    split = split_patients(people(50, 50), SplitShares(train_on_lesion_scans=True))
    assert Counter((name, patient[0]) for patient, (name, _) in split.items()) == {
        ("train", "n"): 30,
        ("train", "a"): 30,
        ("valid", "n"): 10,
        ("valid", "a"): 10,
        ("test", "n"): 10,
        ("test", "a"): 10,
    }


def test_another_seed_draws_others() -> None:
    patients = people(20, 4)
    assert split_patients(patients, SplitShares()) != split_patients(patients, SplitShares(seed=1))


@pytest.mark.parametrize(
    ("normal", "abnormal", "shares", "message"),
    [
        (2, 0, SplitShares(), "found 2 patients without lesions and 0 with; expected at least 3 without"),
        (2, 9, SplitShares(), "give --train-on-lesion-scans"),
        (4, 0, SplitShares(folds=4), "expected at least 5 without, one for each split and fold"),
        (1, 1, SplitShares(train_on_lesion_scans=True), "expected at least 3 patients"),
        (5, 1, SplitShares(valid=0, test=0), "which have no place"),
        (5, 1, SplitShares(folds=2, test=0), "which have no place"),
    ],
)
def test_too_few_patients(normal: int, abnormal: int, shares: SplitShares, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        split_patients(people(normal, abnormal), shares)
    assert message in str(caught.value)


@pytest.mark.parametrize("shares", [{"valid": 0.5, "test": 0.5}, {"valid": -0.1}, {"test": 1.0}, {"folds": 1}])
def test_wrong_shares(shares: dict[str, float]) -> None:
    with pytest.raises(DatasetError):
        SplitShares(**shares)  # type: ignore[arg-type]


def test_without_a_share_a_split_stays_empty() -> None:
    split = split_patients(people(4, 2), SplitShares(valid=0))
    assert {name for name, _ in split.values()} == {"train", "test"}
    split = split_patients(people(3, 1), SplitShares(test=0))
    assert split["a0"] == ("valid", None)
