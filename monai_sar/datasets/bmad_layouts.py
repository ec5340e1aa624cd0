"""The folder layouts in which BMAD is passed around, as a table.

A layout is a row of :data:`LAYOUTS`: patterns of folders with placeholders for the split and the class. Which
row fits the files of a data set is found by :func:`monai_sar.datasets.bmad_folder.find_bmad_layout`.

Source: BMAD (arXiv 2306.11876) as its authors and others distribute it; layout F is Uni-Medical (ViTAD).
Layout G is ours, the least to arrange. Images and masks are PNG there; NIfTI and DICOM lie in the same places.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

__all__ = ["CLASSES", "LAYOUTS", "SPLITS", "AnomalyClass", "Layout", "Place", "Split"]

Split = Literal["train", "valid", "test"]
AnomalyClass = Literal["good", "Ungood"]
Place = tuple[Split, AnomalyClass | None]

SPLITS: tuple[Split, ...] = ("train", "valid", "test")
CLASSES: tuple[AnomalyClass, ...] = ("good", "Ungood")


@dataclass(frozen=True)
class Layout:
    """One row of the table: the folders in which the images and the masks lie.

    In a pattern ``{split}`` stands for train, valid or test, ``{train}`` and ``{test}`` for that split alone,
    and ``{class}`` for good or Ungood. The second ``{split}`` of a pattern repeats the first. A folder of
    masks without ``{class}`` serves both classes; without a split it serves the test split.

    Attributes:
        name: the letter.
        picture: the layout, as shown to people.
        images: patterns of the folders that hold images.
        masks: patterns of the folders that hold masks.
        exact_spelling: whether names must be spelled as here; if not, in any case of letters, and also val.
    """

    name: str
    picture: str
    images: tuple[str, ...]
    masks: tuple[str, ...]
    exact_spelling: bool = False

    def place_of_images(self, folder: str) -> Place | None:
        """Return the split and class whose images lie in ``folder`` (relative, with ``/``), or None."""
        return self._match(self.images, folder)

    def place_of_masks(self, folder: str) -> Place | None:
        """Return the split and class (None: both) whose masks lie in ``folder``, or None."""
        return self._match(self.masks, folder)

    def _match(self, patterns: tuple[str, ...], folder: str) -> Place | None:
        for pattern in patterns:
            if found := _regex(pattern, self.exact_spelling).fullmatch(folder):
                names = {name: value.lower() for name, value in found.groupdict().items()}
                split = next(split for split in SPLITS if split.startswith(names.get("split", "test")))
                return split, next((kind for kind in CLASSES if kind.lower() == names.get("class")), None)
        return None


@cache
def _regex(pattern: str, exact_spelling: bool) -> re.Pattern[str]:
    """Turn a pattern of folders into a regular expression with the groups ``split`` and ``class``."""
    valid = "valid" if exact_spelling else "valid|val"
    expression = pattern.replace("{split}", f"(?P<split>train|{valid}|test)", 1)
    expression = expression.replace("{split}", "(?P=split)")
    expression = expression.replace("{train}", "(?P<split>train)").replace("{test}", "(?P<split>test)")
    expression = expression.replace("{class}", "(?P<class>good|Ungood)")
    return re.compile(expression, re.NOFLAG if exact_spelling else re.IGNORECASE)


_TRAIN = ("{train}/{class}", "{train}/{class}/img")

LAYOUTS = (
    Layout(
        name="A",
        picture="train/good/*.png, {valid,test}/{good,Ungood}/{img,label}/*.png",
        images=(*_TRAIN, "{split}/{class}/img"),
        masks=("{split}/{class}/label",),
        exact_spelling=True,
    ),
    Layout(
        name="E",
        picture="as A, but spelled val or ungood",
        images=(*_TRAIN, "{split}/{class}/img"),
        masks=("{split}/{class}/label",),
    ),
    Layout(
        name="B",
        picture="train/good/img/*.png, {valid,test}/{good,Ungood}/{img,anomaly_mask}/*.png",
        images=(*_TRAIN, "{split}/{class}/img"),
        masks=("{split}/{class}/anomaly_mask",),
    ),
    Layout(
        name="C",
        picture="train/good/*.png, {valid,test}/{img,label}/{good,Ungood}/*.png or {valid,test}/label/*.png",
        images=(*_TRAIN, "{split}/img/{class}"),
        masks=("{split}/label/{class}", "{split}/label"),
    ),
    Layout(
        name="D",
        picture="Train/train/good, Val/{val,val_label}/{good,Ungood}, Test/{test,test_label}/{good,Ungood}",
        images=("{split}/{split}/{class}",),
        masks=("{split}/{split}_label/{class}",),
    ),
    Layout(
        name="F",
        picture="train/good, test/{good,Ungood}, ground_truth/Ungood (and meta.json, here or one folder up)",
        images=("{train}/{class}", "{test}/{class}"),
        masks=("ground_truth/{class}",),
    ),
    Layout(
        name="G",
        picture="{train,valid,test}/good/*.png, {valid,test}/Ungood/{img,label}/*.png",
        images=("{split}/{class}", "{split}/{class}/img"),
        masks=("{split}/{class}/label",),
    ),
)
"""The known layouts. Of two that account for the same files, the first is found."""
