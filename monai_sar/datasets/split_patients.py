"""Divide patients among training, validation and testing, or among folds: whole, at random, and none left without."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold

from monai_sar.datasets.bmad_folder import DatasetError
from monai_sar.datasets.bmad_layouts import Split

__all__ = ["SplitShares", "split_patients"]

Patient = TypeVar("Patient", bound=tuple[str, ...] | str)


@dataclass(frozen=True)
class SplitShares:
    """How patients are to be divided.

    Attributes:
        valid: share of the patients for validation, from 0 up; without folds.
        test: share of the patients for testing, from 0 up.
        folds: number of folds in place of a validation split.
        train_on_lesion_scans: whether patients with lesions are divided like the others. If not, they go to validation
            and testing alone, in the proportion of the two shares.
        seed: the same seed divides the same patients in the same way.

    Raises:
        DatasetError: the shares leave nothing to train on, or there is but one fold.
    """

    valid: float = 0.2
    test: float = 0.2
    folds: int | None = None
    train_on_lesion_scans: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.folds is not None and self.folds < 2:
            raise DatasetError(f"Asked for {self.folds} folds; expected 2 or more.")
        if not (0 <= self.valid < 1 and 0 <= self.test < 1 and self.held_valid + self.test < 1):
            raise DatasetError(
                f"Asked for the shares valid {self.valid:g} and test {self.test:g}; expected each to be at least 0 and "
                "both together below 1, because the rest is for training."
            )

    @property
    def held_valid(self) -> float:
        """The share that is held for validation: none where there are folds."""
        return 0.0 if self.folds else self.valid

    @property
    def held(self) -> int:
        """The number of splits beside training."""
        return (self.held_valid > 0) + (self.test > 0)


def split_patients(has_lesion: Mapping[Patient, bool], shares: SplitShares) -> dict[Patient, tuple[Split, int | None]]:
    """Say for each patient into which split it goes, and into which fold.

    Args:
        has_lesion: of each patient, whether any scan shows a lesion.
        shares: how to divide them.

    Returns:
        The split of each patient, and of training its fold where there are folds. Of two or more normal patients
        validation has at least one.

    Raises:
        DatasetError: there are too few patients for a split to get one.
    """
    normal = sorted(patient for patient, lesion in has_lesion.items() if not lesion)
    abnormal = sorted(patient for patient, lesion in has_lesion.items() if lesion)
    _require_enough(len(normal), len(abnormal), shares)
    trained = [*normal, *abnormal] if shares.train_on_lesion_scans else normal
    valid, test = _numbers(len(trained), shares)
    split: dict[Patient, Split] = {}
    if shares.train_on_lesion_scans:
        of_abnormal = round(test * len(abnormal) / len(trained)), round(valid * len(abnormal) / len(trained))
        # as many as there are, and no fewer than the normal ones leave over
        abnormal_test = min(max(of_abnormal[0], test - len(normal)), len(abnormal))
        left = len(normal) - (test - abnormal_test)
        abnormal_valid = min(max(of_abnormal[1], valid - left), len(abnormal) - abnormal_test)
        if abnormal_valid == valid > 0 and len(normal) > 1:  # p-values rest on normal patients of validation
            abnormal_valid -= 1
            abnormal_test += test - abnormal_test == len(normal)
        split |= _draw(abnormal, abnormal_valid, abnormal_test, shares.seed)
        split |= _draw(normal, valid - abnormal_valid, test - abnormal_test, shares.seed)
    else:
        both = shares.held_valid + shares.test
        abnormal_test = len(abnormal) if not shares.held_valid else round(len(abnormal) * shares.test / both)
        if shares.test and abnormal:  # of few, testing gets the first and validation the second
            abnormal_test = min(max(abnormal_test, 1), max(len(abnormal) - (shares.held_valid > 0), 1))
        split |= _draw(abnormal, len(abnormal) - abnormal_test, abnormal_test, shares.seed)
        split |= _draw(normal, valid, test, shares.seed)
    folds = _fold([p for p in split if split[p] == "train"], has_lesion, shares) if shares.folds else {}
    return {patient: (split[patient], folds.get(patient)) for patient in split}


def _require_enough(normal: int, abnormal: int, shares: SplitShares) -> None:
    needed = shares.held + (shares.folds or 1)
    found = f"found {normal} patients without lesions and {abnormal} with"
    if shares.train_on_lesion_scans:
        if normal + abnormal < needed:
            raise DatasetError(f"{found}; expected at least {needed} patients, one for each split. Add patients.")
        return
    if normal < needed:
        way_out = ", or give --train-on-lesion-scans to learn from the slices without lesion of the others"
        raise DatasetError(
            f"{found}; expected at least {needed} without, one for each split{' and fold' if shares.folds else ''}, "
            f"because training and calibration take normal scans. Add patients{way_out if abnormal else ''}."
        )
    if abnormal and not shares.held:
        raise DatasetError(
            f"{found}, which have no place: expected a share above 0 for testing, because those with lesions are not "
            "trained on. Give --test, or --train-on-lesion-scans."
        )


def _numbers(patients: int, shares: SplitShares) -> tuple[int, int]:
    """Return how many patients validate and test, at least one where there is a share, and leave enough to train."""
    room = patients - (shares.folds or 1)
    test = min(max(round(shares.test * patients), 1), room - (shares.held_valid > 0)) if shares.test else 0
    valid = min(max(round(shares.held_valid * patients), 1), room - test) if shares.held_valid else 0
    return valid, test


def _draw(patients: Sequence[Patient], valid: int, test: int, seed: int) -> dict[Patient, Split]:
    """Draw so many patients for validation and testing; the rest trains."""
    rest, tested = _halve(patients, test, seed)
    trained, validated = _halve(rest, valid, seed)
    drawn: dict[Patient, Split] = dict.fromkeys(trained, "train")
    return drawn | dict.fromkeys(validated, "valid") | dict.fromkeys(tested, "test")


def _halve(patients: Sequence[Patient], number: int, seed: int) -> tuple[list[Patient], list[Patient]]:
    if number in (0, len(patients)):
        return (list(patients), []) if number == 0 else ([], list(patients))
    rows = np.arange(len(patients))
    kept, drawn = next(GroupShuffleSplit(1, test_size=number, random_state=seed).split(rows, groups=rows))
    return [patients[row] for row in kept], [patients[row] for row in drawn]


def _fold(patients: Sequence[Patient], has_lesion: Mapping[Patient, bool], shares: SplitShares) -> dict[Patient, int]:
    rows = np.arange(len(patients))
    lesions = np.array([has_lesion[patient] for patient in patients])
    if min(lesions.sum(), (~lesions).sum()) < (shares.folds or 0):
        lesions[:] = False  # too few of a kind to give each fold one
    folds = StratifiedGroupKFold(shares.folds, shuffle=True, random_state=shares.seed).split(rows, lesions, groups=rows)
    return {patients[row]: number for number, (_, held) in enumerate(folds) for row in held}
