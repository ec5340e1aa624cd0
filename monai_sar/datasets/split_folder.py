"""A folder of scans -> a datalist, divided by patient, that names none of them."""

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from monai_sar._atomic import atomic_path
from monai_sar.datasets.bmad_folder import DatasetError
from monai_sar.datasets.bmad_layouts import SPLITS
from monai_sar.datasets.datalist_json import SPLIT_KEYS
from monai_sar.datasets.scan_datalist import ScanItem, load_scan_datalist
from monai_sar.datasets.scan_patients import tell_patients
from monai_sar.datasets.split_patients import SplitShares, split_patients
from monai_sar.scans.empty_mask import is_empty_mask
from monai_sar.scans.scan_name import scan_name

__all__ = ["FolderSplit", "split_folder", "write_datalist"]

_MASK_ENDINGS = ("seg", "mask", "label", "lesion", "roi", "tumor", "tumour")


@dataclass(frozen=True)
class FolderSplit:
    """The scans of a folder, divided.

    Attributes:
        items: under the key of each split its items, as the datalist has them but with absolute paths.
        told_by: what told the patients -> number of scans.
        description: the settings, for the datalist.
    """

    items: Mapping[str, Sequence[Mapping[str, Any]]]
    told_by: Mapping[str, int]
    description: str


def split_folder(
    folder: str | os.PathLike[str],
    shares: SplitShares,
    *,
    image_suffix: str | None = None,
    lesion_suffix: str | None = None,
    region_suffix: str | None = None,
) -> FolderSplit:
    """Divide the scans of a folder by patient.

    The patients are told by :func:`monai_sar.datasets.scan_patients.tell_patients`, and called P0001, P0002, ... in an
    order that the seed draws. A scan whose mask is empty is normal. Masks are read for that, with a bar on standard
    error.

    Args:
        folder: searched with its sub-folders.
        shares: how to divide the patients.
        image_suffix: how the names of scans end, such as ``_flair.nii.gz``; None takes all.
        lesion_suffix: how those of the masks of their lesions end, in its place.
        region_suffix: how those of the masks of the region to score end.

    Raises:
        DatasetError: there are too few patients, or what seem to be masks would be taken for scans.
        ScanError: there are no such scans, or a mask cannot be read.
    """
    root = Path(os.path.abspath(Path(folder).expanduser()))  # noqa: PTH100 (a link keeps its own name)
    found = load_scan_datalist(
        root, image_suffix=image_suffix, lesion_suffix=lesion_suffix, region_suffix=region_suffix
    )
    _refuse_masks(found, root, image_suffix)
    patients = tell_patients([Path(item["image"]) for item in found], root, image_suffix=image_suffix)
    items = [_describe(item) for item in tqdm(found, desc="reading masks", unit="scan", disable=None)]
    keys = [patients[Path(item["image"])].key for item in items]
    has_lesion: dict[tuple[str, str], bool] = {}
    for key, item in zip(keys, items, strict=True):
        has_lesion[key] = has_lesion.get(key, False) or bool(item["abnormal"])
    told_by = Counter(patient.told_by for patient in patients.values())
    try:
        split = split_patients(has_lesion, shares)
    except DatasetError as error:
        told = ", ".join(f"{what} ({number} scans)" for what, number in told_by.items())
        raise DatasetError(
            f"{root}: {error} The patients were told by {told}; if wrongly, list file and patient in "
            f"{root / 'manifest.csv'}."
        ) from None
    order = np.random.default_rng(shares.seed).permutation(len(has_lesion))
    names = {key: f"P{number + 1:04d}" for key, number in zip(sorted(has_lesion), order, strict=True)}
    listed: dict[str, list[Mapping[str, Any]]] = {
        SPLIT_KEYS[name]: [] for name in SPLITS if name == "train" or any(where == name for where, _ in split.values())
    }
    for key, item in zip(keys, items, strict=True):
        name, fold = split[key]
        listed[SPLIT_KEYS[name]].append({**item, "patient": names[key]} | ({} if fold is None else {"fold": fold}))
    how = f"folds {shares.folds}" if shares.folds else f"valid {shares.valid:g}"
    lesions = ", trained on scans with lesions" if shares.train_on_lesion_scans else ""
    return FolderSplit(listed, told_by, f"monai-sar split: {how}, test {shares.test:g}, seed {shares.seed}{lesions}")


def write_datalist(split: FolderSplit, output: str | os.PathLike[str]) -> None:
    """Write the datalist; its paths are relative to it.

    Args:
        split: what to write.
        output: a ``.json`` file that is not there yet.

    Raises:
        DatasetError: it is there, or is called otherwise.
    """
    output = Path(output).expanduser()
    if output.suffix.lower() != ".json":
        raise DatasetError(f"{output}: expected a name that ends in .json, because datalists are told by it.")
    if output.exists():
        raise DatasetError(f"{output}: is there already; expected a new file. Give another name, or remove it.")
    document = {"description": split.description} | {
        key: [_relative(item, output.parent) for item in items] for key, items in split.items.items()
    }
    with atomic_path(output) as temporary:
        temporary.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _refuse_masks(items: Sequence[ScanItem], root: Path, image_suffix: str | None) -> None:
    if image_suffix is not None:
        return
    masks = [item["image"] for item in items if scan_name(item["image"]).lower().endswith(_MASK_ENDINGS)]
    if masks and len(masks) < len(items):
        raise DatasetError(
            f"{root}: found {len(items)} scans of which {len(masks)} are called like masks, such as {masks[0]}; "
            "expected to be told. Give --lesion-suffix (or --region-suffix) with the end of their names, and "
            "--image-suffix with that of the scans."
        )


def _describe(found: ScanItem) -> dict[str, Any]:
    """Return an item of the datalist, without its patient."""
    return {**found, "abnormal": int("label" in found and not is_empty_mask(Path(found["label"])))}


def _relative(item: Mapping[str, Any], base: Path) -> dict[str, Any]:
    return {**item, **{key: _relative_path(item[key], base) for key in ("image", "label", "region") if key in item}}


def _relative_path(path: str, base: Path) -> str:
    relative = os.path.relpath(path, base)
    if relative.startswith(os.pardir):  # out of a folder that is a link, the way up is that of the real one
        relative = os.path.relpath(Path(path).parent.resolve() / Path(path).name, base.resolve())
    return Path(relative).as_posix()
