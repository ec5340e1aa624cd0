"""A data set on disk, described by a datalist or lying in a BMAD layout -> a list of its scans."""

import os
from pathlib import Path

from monai.utils.module import look_up_option

from monai_sar.datasets.bmad import load_bmad_datalist
from monai_sar.datasets.bmad_folder import DatasetError
from monai_sar.datasets.bmad_layouts import SPLITS, Split
from monai_sar.datasets.data_set_item import DataSetItem
from monai_sar.datasets.datalist_json import read_datalist_json
from monai_sar.datasets.patients import patients_of

__all__ = ["load_data_set"]


def load_data_set(path: str | os.PathLike[str], split: Split, *, fold: int | None = None) -> list[DataSetItem]:
    """List the scans of one split of a data set.

    Args:
        path: a datalist, a ``.json`` file as :mod:`monai_sar.datasets.datalist_json` describes it; or a folder in a
            layout of BMAD, as :func:`monai_sar.datasets.find_bmad_layout` knows them.
        split: "train", "valid" or "test". Training may hold abnormal scans, if a datalist says so: what learns leaves
            their slices with lesion out.
        fold: of a datalist made for cross-validation: the fold that validates; the others train.

    Returns:
        One dictionary per scan, for MONAI's ``Dataset``, sorted by name.

    Raises:
        DatasetError: the data set is not there, or something is wrong with it; all problems are told together.
        ValueError: ``split`` is unknown.

    Example:
        >>> load_data_set("dataset.json", "test")[0]  # doctest: +SKIP
        {'image': '/data/7.nii.gz', 'patient': 'P0003', 'abnormal': 1, 'split': 'test', 'label': '/data/7_seg.nii.gz'}
    """
    look_up_option(split, SPLITS)
    path = Path(path).expanduser()
    if path.is_file():
        return read_datalist_json(path, split, fold=fold)
    if path.suffix.lower() == ".json" and not path.exists():
        raise DatasetError(f"{path}: found no such file; expected a datalist. Check the path.")
    if fold is not None:
        raise DatasetError(
            f"{path}: asked for fold {fold} of a folder; expected a datalist (JSON), because folders have no folds. "
            "Write one with monai-sar split --folds."
        )
    listed = load_bmad_datalist(path, split)
    patients = patients_of(path, [Path(item["image"]) for item in listed])
    items = []
    for entry in listed:
        item = DataSetItem(
            image=entry["image"],
            patient=patients[Path(entry["image"])],
            abnormal=1 if entry["abnormal"] else 0,
            split=split,
        )
        if entry["label"] is not None:
            item["label"] = entry["label"]
        items.append(item)
    return items
