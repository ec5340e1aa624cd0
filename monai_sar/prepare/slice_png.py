"""One slice and its mask as PNG, where BMAD's layout A has them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from monai_sar._atomic import atomic_path
from monai_sar.datasets.bmad_layouts import SPLITS, AnomalyClass
from monai_sar.prepare.case import Case, LabelledSlice

__all__ = ["class_of", "remove_slices", "write_slice"]


def class_of(piece: LabelledSlice) -> AnomalyClass:
    """Return "Ungood" for a slice that shows any of a lesion."""
    return "Ungood" if piece.lesion.any() else "good"


def write_slice(root: Path, case: Case, piece: LabelledSlice) -> Path:
    """Write a slice, and the mask of a lesion beside it (8 bit, 0 or 255; of an RGBA slice RGBA and opaque).

    A slice without a lesion gets no mask: layout A needs none.

    Args:
        root: the folder of the data set.
        case: where it comes from.
        piece: the slice.

    Returns:
        Its path, ``train/good/NAME_NUMBER.png`` or ``{valid,test}/{good,Ungood}/img/NAME_NUMBER.png``.
    """
    kind = class_of(piece)
    name = f"{case.name}_{piece.number}.png"
    folder = root / case.split / kind
    path = folder / name if case.split == "train" else folder / "img" / name
    _write_png(path, piece.pixels)
    if kind == "Ungood":
        mask = piece.lesion.astype(np.uint8) * np.uint8(255)
        if piece.pixels.ndim == 3:
            mask = np.dstack([mask, mask, mask, np.full_like(mask, 255)])
        _write_png(folder / "label" / name, mask)
    return path


def remove_slices(root: Path, cases: Sequence[Case]) -> None:
    """Remove what an earlier run, killed in the middle of a case, has written of it."""
    names = {case.name for case in cases}
    for split in SPLITS:
        for path in (root / split).rglob("*.png"):
            if path.stem.rpartition("_")[0] in names:
                path.unlink()


def _write_png(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    with atomic_path(path) as temporary:
        Image.fromarray(pixels).save(temporary)
