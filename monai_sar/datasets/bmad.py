"""A BMAD data set on disk -> a list of dictionaries, one per image, with its mask and its class.

Which folder holds what is found by :mod:`monai_sar.datasets.bmad_folder`. Masks pair with images by file name
(``slice_07.jpg`` with ``slice_07.png``, the series in ``case_07/`` with ``case_07.nii.gz``), never by position; what
does not pair is an error.
"""

import logging
import os
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TypedDict

from monai.utils.module import look_up_option

from monai_sar.datasets.bmad_folder import BMADLayout, DatasetError, find_bmad_layout
from monai_sar.datasets.bmad_layouts import CLASSES, SPLITS, AnomalyClass, Split
from monai_sar.datasets.bmad_meta_json import find_meta_json_problems
from monai_sar.datasets.loose_slices import find_loose_slices
from monai_sar.scans.scan_name import scan_name

__all__ = [
    "BMADItem",
    "BMADLayout",
    "DatasetError",
    "find_bmad_layout",
    "find_bmad_problems",
    "load_bmad_datalist",
]

_LOGGER = logging.getLogger(__name__)
_NAMED = 5  # a problem names so many files and counts the rest


class BMADItem(TypedDict):
    """One image or scan: its path, the path of its mask (None: no lesion), 1 if it is abnormal, and its split."""

    image: str
    label: str | None
    abnormal: int
    split: Split


def load_bmad_datalist(
    root: str | os.PathLike[str], split: Split, *, classes: Sequence[AnomalyClass] = CLASSES
) -> list[BMADItem]:
    """List the images of one split of a BMAD data set, in whichever known layout it lies on disk.

    The layout that was found and its counts are logged once; so are images in places that it does not know.

    Args:
        root: the folder of one data set, such as the one that holds ``train`` and ``test``.
        split: "train", "valid" or "test".
        classes: the classes to list.

    Returns:
        One dictionary per image, for MONAI's ``Dataset``, sorted by file name. ``label`` is the path of the
        mask; it is None for a good image without one, and never for an abnormal image.

    Raises:
        DatasetError: the folder is not there, no layout fits, or something is wrong with the split, see
            :func:`find_bmad_problems`.
        ValueError: ``split`` or ``classes`` is unknown.

    Example:
        >>> load_bmad_datalist("data/brain_mri", "test")[0]  # doctest: +SKIP
        {'image': 'data/brain_mri/test/good/img/00001_60.png', 'label': None, 'abnormal': 0, 'split': 'test'}
    """
    look_up_option(split, SPLITS)
    for kind in classes:
        look_up_option(kind, CLASSES)
    layout = find_bmad_layout(root)
    _log_once(logging.INFO, str(layout))
    if layout.unused:
        unused = _some(layout.unused, f"images where layout {layout.name} has none", layout)
        _log_once(logging.WARNING, f"{layout.root}: passed over {unused}")
    if problems := find_bmad_problems(layout, split, classes=classes):
        raise DatasetError("\n".join(problems))
    pairs = [(image, mask, kind) for kind in classes for image, mask in _pair(layout, split, kind)]
    return [
        BMADItem(
            image=str(image),
            label=None if mask is None else str(mask),
            abnormal=CLASSES.index(kind),
            split=split,
        )
        for image, mask, kind in sorted(pairs, key=lambda pair: (pair[0].name, pair[0]))
    ]


def find_bmad_problems(layout: BMADLayout, split: Split, *, classes: Sequence[AnomalyClass] = CLASSES) -> list[str]:
    """Say everything that is wrong with one split, in a line each that names the files.

    The split is empty; the train split holds abnormal images; an abnormal image has no mask; a mask has no
    image; two images (or masks) have the same name, so that they cannot be paired by it; slices of a DICOM series
    lie there without a folder of their own; ``meta.json`` of layout F says otherwise than the files.

    Args:
        layout: what :func:`find_bmad_layout` found.
        split: "train", "valid" or "test".
        classes: the classes to look at.

    Returns:
        The problems; empty if there are none.
    """
    abnormal = layout.images.get((split, "Ungood"), ()) if "Ungood" in classes else ()
    if not any(layout.images.get((split, kind)) for kind in classes):
        problems = [f"found no {' or '.join(classes)} images; expected some, placed as in: {layout}"]
    elif split == "train" and abnormal:
        problems = [
            f"found {_some(abnormal, 'abnormal images', layout)}; expected normal images alone, because "
            'training learns what is normal. Move them to another split, or pass classes=("good",)'
        ]
    else:
        problems = _pairing_problems(layout, split, classes)
        if loose := find_loose_slices(image for kind in classes for image in layout.images.get((split, kind), ())):
            problems.append(
                f"found {_some(loose, 'DICOM files that are slices of one series', layout)}; expected a folder for "
                "each series, because a scan is read as a whole. Move each series into a folder of its own, there"
            )
        if layout.name == "F":
            problems += find_meta_json_problems(layout, split)
    return [f"{layout.root}, split {split}: {problem}." for problem in problems]


def _masks(layout: BMADLayout, split: Split, kind: AnomalyClass) -> tuple[Path, ...]:
    """Return the masks that may belong to a class: those in its folder, and those in a folder for both."""
    return layout.masks.get((split, kind), ()) + layout.masks.get((split, None), ())


def _pair(layout: BMADLayout, split: Split, kind: AnomalyClass) -> list[tuple[Path, Path | None]]:
    """Pair the images of one class with their masks (None: without), by name."""
    masks = {scan_name(mask): mask for mask in _masks(layout, split, kind)}
    return [(image, masks.get(scan_name(image))) for image in layout.images.get((split, kind), ())]


def _pairing_problems(layout: BMADLayout, split: Split, classes: Sequence[AnomalyClass]) -> list[str]:
    """Find what keeps images and masks from pairing by name."""
    problems = []
    # where the masks of both classes lie in one folder, the names of both must differ
    together = (split, None) in layout.masks
    for kinds in (CLASSES,) if together else [(kind,) for kind in classes]:
        images = [image for kind in kinds for image in layout.images.get((split, kind), ())]
        masks = list(dict.fromkeys(mask for kind in kinds for mask in _masks(layout, split, kind)))
        for what, files in (("images", images), ("masks", masks)):
            if twins := _same_name(files):
                problems.append(
                    f"found {_some(twins, f'{what} that share a name', layout)}; expected each name once, "
                    "because masks pair with images by name. Rename or remove the others"
                )
        names = {scan_name(image) for image in images}
        if lonely := [mask for mask in masks if scan_name(mask) not in names]:
            problems.append(
                f"found {_some(lonely, 'masks without an image', layout)}; expected a {' or '.join(kinds)} "
                "image of the same name as each. Add the images or remove the masks"
            )
    bare = [image for image, mask in _pair(layout, split, "Ungood") if mask is None]
    if bare and "Ungood" in classes:
        problems.append(
            f"found {_some(bare, 'abnormal images without a mask', layout)}; expected a mask of the same "
            "name as each (the extension may differ). Add the masks or remove the images"
        )
    return problems


def _same_name(files: Sequence[Path]) -> list[Path]:
    """Return the files that share their name, without the ending, with another."""
    count = Counter(map(scan_name, files))
    return [path for path in files if count[scan_name(path)] > 1]


def _some(files: Sequence[Path], what: str, layout: BMADLayout) -> str:
    """Count the files and name the first of them, relative to the root."""
    names = [path.relative_to(layout.root).as_posix() for path in files[:_NAMED]]
    return f"{len(files)} {what} ({', '.join(names)}{', ...' if len(files) > _NAMED else ''})"


@cache
def _log_once(level: int, message: str) -> None:
    """Log what this process has not logged yet: every split finds the same layout again."""
    _LOGGER.log(level, message)
