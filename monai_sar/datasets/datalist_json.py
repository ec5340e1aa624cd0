"""A data set described by a JSON file, as MONAI and the Medical Segmentation Decathlon list theirs.

::

    {"training": [{"image": "a/flair.nii.gz", "patient": "P0001"}, ...],
     "validation": [{"image": "b/flair.nii.gz", "label": "b/seg.nii.gz", "patient": "P0002"}, ...],
     "testing": [...]}

MONAI's ``load_decathlon_datalist`` reads the same files and finds the same images. It is not used here: it takes any
text that happens to name a file for a path (a patient ``P0001`` beside a folder of that name), and says nothing of
files that are not there, of misspelled keys, and of patients in two splits.

Source: https://docs.monai.io/en/stable/data.html#decathlon-datalist
"""

import json
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from monai_sar.datasets.bmad_folder import DatasetError
from monai_sar.datasets.bmad_layouts import SPLITS, Split
from monai_sar.datasets.data_set_item import DataSetItem
from monai_sar.datasets.patients import patient_of
from monai_sar.scans.listed_path import listed_path
from monai_sar.scans.text_file import read_text

__all__ = ["SPLIT_KEYS", "EmptySplitError", "read_datalist_json"]

SPLIT_KEYS: Mapping[Split, str] = {"train": "training", "valid": "validation", "test": "testing"}
"""The key under which the items of each split stand."""

_SPLIT_OF = {**{key: split for split, key in SPLIT_KEYS.items()}, "test": SPLITS[2]}  # "test" is the Decathlon's
_ITEM_KEYS = ("image", "label", "region", "patient", "abnormal", "fold")
_OTHER_WORDS = {
    **dict.fromkeys(("train",), "training"),
    **dict.fromkeys(("valid", "val"), "validation"),
    **dict.fromkeys(("img", "images", "scan", "volume"), "image"),
    **dict.fromkeys(("lesion", "mask", "seg", "segmentation", "ground_truth"), "label"),
    **dict.fromkeys(("patient_id", "subject", "subject_id"), "patient"),
}
"""What others call the same: a mask under another key would be overlooked, and its scan counted as normal."""

_MISSPELLED = 0.75  # similarity from which an unknown key is taken for a known one
_NAMED = 5  # a problem names so many and counts the rest


class EmptySplitError(DatasetError):
    """The datalist has nothing in the split that was asked for."""


@dataclass(frozen=True)
class _Listed:
    """One item of the list, understood."""

    split: Split
    image: Path
    masks: Mapping[str, Path]
    patient: str | None
    abnormal: Literal[0, 1]
    says_whether_normal: bool
    fold: int | None


class _Problems:
    """What is wrong with a list: each kind of problem once, with the names of all that have it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._names: dict[str, list[str]] = defaultdict(list)

    def add(self, text: str, name: str) -> None:
        """Note a problem, ``found WHAT (FILES); expected ...``, and whom it concerns."""
        self._names[text].append(name)

    def stop(self) -> None:
        """Raise a :class:`DatasetError` that tells all of them, if there are any."""
        if self._names:
            raise DatasetError(
                "\n".join(
                    f"{self._file}: {text.replace('FILES', _some(names), 1)}" for text, names in self._names.items()
                )
            )


def read_datalist_json(file: Path, split: Split, *, fold: int | None = None) -> list[DataSetItem]:
    """List the scans of one split of a datalist.

    The patients are those that the items name; if no item names one, known names of files tell (see
    :func:`monai_sar.datasets.patients.patient_of`).

    Args:
        file: the datalist. Its paths are relative to it.
        split: "train", "valid" or "test".
        fold: take the items of ``training`` with this ``fold`` for validation, and those with another for training.

    Returns:
        The scans, sorted by name.

    Raises:
        EmptySplitError: the split is empty.
        DatasetError: the file is no datalist, the fold is not there, an image or mask of the split does not exist,
            an image or a patient is in two splits (or folds, if one is asked for), a key is misspelled. All problems
            are told together.
    """
    problems = _Problems(file)
    items = [
        listed
        for key, entries in _entries(file, problems)
        for number, entry in enumerate(entries, 1)
        if (listed := _understand(entry, f"{key} {number}", _SPLIT_OF[key], file.parent, problems)) is not None
    ]
    problems.stop()
    items = _with_patients(items)
    if fold is not None:
        items = _take_fold(items, fold, file)
    _find_doubles(items, problems)
    _find_shared_patients(items, problems)
    wanted = [item for item in items if item.split == split]
    _check_files(wanted, file.parent, problems)
    problems.stop()
    if not wanted:
        raise EmptySplitError(_describe_empty(file, items, split))
    return [_to_item(item) for item in sorted(wanted, key=lambda item: (item.image.name, item.image))]


def _entries(file: Path, problems: _Problems) -> list[tuple[str, list[Any]]]:
    """Return the items under each key of a split, as they are written."""
    try:
        document = json.loads(read_text(file))
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(
            f"{file}: found, but cannot be read as JSON ({error}); expected a datalist with training, validation and "
            "testing. Write it with monai-sar split, or correct it."
        ) from None
    lists = (
        {key: value for key, value in document.items() if isinstance(value, list)} if isinstance(document, dict) else {}
    )
    for key in lists.keys() - _SPLIT_OF.keys():
        if (meant := _meant(key, tuple(_SPLIT_OF))) is not None:
            problems.add(f"found the key FILES; expected '{meant}'. Correct the spelling.", f"'{key}'")
    if "test" in lists and "testing" in lists:
        problems.add(
            "found FILES; expected one of them, because both are the test split. Join them.", "testing and test"
        )
    found = [(key, value) for key, value in lists.items() if key in _SPLIT_OF]
    if not found:
        problems.stop()
        kind = f"the keys {', '.join(document)}" if isinstance(document, dict) and document else "no keys"
        raise DatasetError(
            f"{file}: found {kind}; expected lists of items under training, validation and testing. "
            "Write such a datalist, for instance with monai-sar split."
        )
    return found


def _meant(key: str, known: Sequence[str]) -> str | None:
    """Return the known key that an unknown one seems to mean, or None."""
    lower = key.lower()
    if lower in known:
        return lower
    if (other := _OTHER_WORDS.get(lower)) in known:
        return other
    return next(iter(get_close_matches(lower, known, n=1, cutoff=_MISSPELLED)), None)


def _understand(entry: Any, place: str, split: Split, base: Path, problems: _Problems) -> _Listed | None:
    """Read one item, or note what is wrong with it."""
    says_whether_normal = split == "train" or not isinstance(entry, str)
    entry = {"image": entry} if isinstance(entry, str) else entry
    image = entry.get("image") if isinstance(entry, dict) else None
    if isinstance(image, list):
        problems.add(
            "found items whose image is a list of files: FILES; expected one scan each, because detectors read one "
            "channel. Name the file of one of them.",
            place,
        )
        return None
    if not (isinstance(image, str) and image):
        unknown = [key for key in entry if _meant(str(key), _ITEM_KEYS) == "image"] if isinstance(entry, dict) else []
        hint = f" ('{unknown[0]}' was meant for it?)" if unknown else ""
        problems.add(f'found items without an image: FILES; expected {{"image": "PATH", ...}}{hint}.', place)
        return None
    for key in entry.keys() - set(_ITEM_KEYS):
        if (meant := _meant(str(key), _ITEM_KEYS)) is not None:
            problems.add(f"found the key '{key}' in items: FILES; expected '{meant}'. Correct the spelling.", image)
    label = entry.get("label")
    abnormal = entry.get("abnormal")
    fold = entry.get("fold")
    if wrong := [key for key in ("label", "region") if not isinstance(entry.get(key) or "", str)]:
        problems.add(f"found items whose {wrong[0]} is no path: FILES; expected one file each.", image)
        return None
    if abnormal not in (None, 0, 1) or isinstance(abnormal, float):
        problems.add("found items whose abnormal is neither 0 nor 1: FILES; expected one of them.", image)
        return None
    if not (fold is None or (isinstance(fold, int) and not isinstance(fold, bool))):
        problems.add("found items whose fold is no whole number: FILES; expected 0, 1, ...", image)
        return None
    if split == "train" and abnormal and not label:
        problems.add(
            "found abnormal scans without a label in training: FILES; expected the mask of their lesions, because "
            "training leaves the slices out that show them. Add the label, or move them to another split.",
            image,
        )
    patient = entry.get("patient")
    return _Listed(
        split=split,
        image=listed_path(image, base),
        masks={key: listed_path(entry[key], base) for key in ("label", "region") if entry.get(key)},
        patient=unicodedata.normalize("NFC", str(patient)).strip() or None if patient is not None else None,
        abnormal=1 if (bool(label) if abnormal is None else abnormal) else 0,
        says_whether_normal=says_whether_normal,
        fold=fold,
    )


def _with_patients(items: Sequence[_Listed]) -> list[_Listed]:
    """Let known names of files tell the patients, if the list tells none."""
    if any(item.patient is not None for item in items):
        return list(items)
    return [replace(item, patient=patient_of(item.image)) for item in items]


def _take_fold(items: Sequence[_Listed], fold: int, file: Path) -> list[_Listed]:
    """Divide the training items into training and validation; the list's own validation is left out."""
    training = [item for item in items if item.split == "train"]
    folds = Counter(item.fold for item in training)
    if None in folds or fold not in folds:
        known = ", ".join(str(number) for number in sorted(number for number in folds if number is not None))
        without = f" and {folds[None]} items without one" if folds[None] else ""
        raise DatasetError(
            f"{file}: asked for fold {fold}, found {f'the folds {known}' if known else 'no folds'}{without} in "
            "training; expected that fold, and a fold in each item. Give one that is there, or write folds with "
            "monai-sar split --folds."
        )
    return [
        replace(item, split="valid") if item.split == "train" and item.fold == fold else item
        for item in items
        if item.split != "valid"
    ]


def _find_doubles(items: Iterable[_Listed], problems: _Problems) -> None:
    splits: dict[Path, list[Split]] = defaultdict(list)
    for item in items:
        splits[item.image.resolve()].append(item.split)
    for image, found in splits.items():
        if len(set(found)) > 1:
            problems.add(
                "found images in two splits: FILES; expected each in one, because figures on a scan that training or a "
                "choice has seen come out too good. Remove all but one of each.",
                f"{image.name} in {' and '.join(SPLIT_KEYS[split] for split in SPLITS if split in found)}",
            )
        elif len(found) > 1:
            problems.add("found images several times: FILES; expected each once. Remove the copies.", image.name)


def _find_shared_patients(items: Iterable[_Listed], problems: _Problems) -> None:
    patients: dict[Split, Counter[str]] = {split: Counter() for split in SPLITS}
    for item in items:
        if item.patient is not None:
            patients[item.split][item.patient] += 1
    for first, second in combinations(SPLITS, 2):
        for patient in sorted(patients[first].keys() & patients[second].keys()):
            problems.add(
                f"found patients in both {SPLIT_KEYS[first]} and {SPLIT_KEYS[second]}: FILES; expected each patient in "
                "one split, because scans of a patient resemble each other, so figures come out too good. Move all "
                "scans of a patient to one split.",
                f"{patient}: {patients[first][patient]} + {patients[second][patient]} scans",
            )


def _check_files(items: Sequence[_Listed], base: Path, problems: _Problems) -> None:
    for item in items:
        for what, path in {"image": item.image, **item.masks}.items():
            if not path.exists():
                problems.add(
                    f"found no such {what}: FILES; expected paths relative to this file, in {base.resolve()}. "
                    "Correct the paths, or get the files.",
                    str(path),
                )
        if not item.says_whether_normal:
            problems.add(
                "found bare paths, of which nothing says whether the scans are normal: FILES; expected items outside "
                'training to be {"image": "PATH"} if normal, with a label or "abnormal": 1 if not.',
                item.image.name,
            )


def _describe_empty(file: Path, items: Sequence[_Listed], split: Split) -> str:
    counts = Counter(item.split for item in items)
    found = ", ".join(f"{counts[other]} in {SPLIT_KEYS[other]}" for other in SPLITS)
    folds = sorted({item.fold for item in items if item.fold is not None})
    advice = f"Give a fold ({', '.join(map(str, folds))})." if split == "valid" and folds else "Add some."
    return f"{file}: found no scans in {SPLIT_KEYS[split]} ({found}); expected some. {advice}"


def _to_item(item: _Listed) -> DataSetItem:
    listed = DataSetItem(image=str(item.image), patient=item.patient, abnormal=item.abnormal, split=item.split)
    if "label" in item.masks:
        listed["label"] = str(item.masks["label"])
    if "region" in item.masks:
        listed["region"] = str(item.masks["region"])
    return listed


def _some(names: Sequence[str]) -> str:
    """Count the names and say the first of them."""
    return f"{len(names)} ({', '.join(names[:_NAMED])}{', ...' if len(names) > _NAMED else ''})"
