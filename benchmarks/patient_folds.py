"""The patients of a datalist in folds: some train, some validate, some are held out to be scored."""

import hashlib
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import KFold

from monai_sar._atomic import atomic_path
from monai_sar.datasets import DatasetError, load_data_set
from monai_sar.datasets.data_set_item import DataSetItem

__all__ = ["Fold", "cross_validation", "test_split"]


class Fold(NamedTuple):
    """Scans, no patient of which is in two of the three parts.

    Attributes:
        train: normality is learnt from.
        valid: tells when to stop.
        held: are scored whole, and seen by nothing before.
    """

    train: list[DataSetItem]
    valid: list[DataSetItem]
    held: list[DataSetItem]

    def write_datalist(self, folder: Path) -> Path:
        """Write what trains and validates, and only that, as a datalist; its name tells its content."""
        splits = {"training": self.train, "validation": self.valid}
        content = json.dumps({key: [_entry(item) for item in items] for key, items in splits.items()}, indent=1)
        file = folder / f"{hashlib.sha256(content.encode()).hexdigest()[:32]}.json"
        with atomic_path(file) as partial:
            partial.write_text(content)
        return file


def cross_validation(datalist: Path, folds: int, *, seed: int) -> list[Fold]:
    """Divide the patients of training and validation at random. Testing is not read.

    In each fold a part of the patients is held out, the next part validates, and the others train.

    Raises:
        DatasetError: something is wrong with the datalist, a scan has no patient or no mask of its lesions, or there
            are fewer patients than folds, or fewer than three folds.
    """
    items = [*load_data_set(datalist, "train"), *load_data_set(datalist, "valid")]
    _check(items, datalist)
    patients = np.array(sorted({str(item["patient"]) for item in items}))
    if not 3 <= folds <= len(patients):
        raise DatasetError(
            f"{datalist}: asked for {folds} folds of {len(patients)} patients; expected 3 folds or more, to train, to "
            "validate and to score, and a patient in each. Give another number of folds, or add patients."
        )
    shuffled = KFold(folds, shuffle=True, random_state=seed).split(patients)
    parts = [set(patients[held].tolist()) for _, held in shuffled]
    found = []
    for number, held in enumerate(parts):
        valid = parts[(number + 1) % folds]
        train = set(patients.tolist()) - held - valid
        found.append(Fold(*(_of(items, some) for some in (train, valid, held))))
    return found


def test_split(datalist: Path) -> Fold:
    """The datalist as it is: testing is held out.

    Raises:
        DatasetError: as :func:`cross_validation`.
    """
    train, valid, held = (load_data_set(datalist, split) for split in ("train", "valid", "test"))
    _check(held, datalist)
    return Fold(train, valid, held)


def _check(items: Sequence[DataSetItem], datalist: Path) -> None:
    if without := sum(item["patient"] is None for item in items):
        raise DatasetError(
            f"{datalist}: found {without} scans of unknown patients; expected a patient in each item, because scans of "
            "one patient in two folds make figures too good. Add them."
        )
    if without := sum(bool(item["abnormal"]) and "label" not in item for item in items):
        raise DatasetError(
            f"{datalist}: found {without} abnormal scans without a label; expected the mask of their lesions, which "
            "scores are compared with. Add the masks, or leave these scans out."
        )


def _of(items: Sequence[DataSetItem], patients: Collection[str]) -> list[DataSetItem]:
    return [item for item in items if item["patient"] in patients]


def _entry(item: DataSetItem) -> dict[str, str | int | None]:
    paths = {key: item.get(key) for key in ("image", "label", "region")}
    absolute: dict[str, str | int | None] = {
        key: str(Path(str(path)).absolute()) for key, path in paths.items() if path
    }
    return absolute | {"patient": item["patient"], "abnormal": item["abnormal"]}
