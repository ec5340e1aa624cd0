"""Which scans of a data set normality is learnt from."""

import os

from monai_sar.datasets.bmad_folder import DatasetError
from monai_sar.datasets.bmad_layouts import Split
from monai_sar.datasets.data_set import load_data_set
from monai_sar.datasets.data_set_item import DataSetItem

__all__ = ["load_normal_scans"]


def load_normal_scans(path: str | os.PathLike[str], split: Split, *, fold: int | None = None) -> list[DataSetItem]:
    """List the scans of a split that a network learns from, or is validated and calibrated on.

    In training they are all that the split lists: of those with a lesion mask the slices without lesion are taken. In
    validation and testing they are the normal ones; where there are none, those with a lesion mask in the same way.
    Scans that are known to be abnormal and have no mask are never among them.

    Args:
        path: a datalist or a folder, see :func:`monai_sar.datasets.load_data_set`.
        split: "train", "valid" or "test".
        fold: of a datalist with folds, the one that validates.

    Raises:
        DatasetError: as :func:`monai_sar.datasets.load_data_set`; every scan is abnormal and none has a mask.
    """
    items = load_data_set(path, split, fold=fold)
    normal = [item for item in items if not item["abnormal"]]
    masked = [item for item in items if "label" in item]
    if not normal and not masked:
        raise DatasetError(
            f"{path}, split {split}: found {len(items)} abnormal scans without masks of their lesions; expected normal "
            "scans, or masks, by which the slices without lesion are found. Add either."
        )
    return items if split == "train" else normal or masked
