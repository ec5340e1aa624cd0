"""A small set of slices without a fault, and what an inspection found in it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from monai_sar.datasets.inspection import Inspection

# layout -> folder of training images, folders of images, folders of masks
LAYOUTS = {
    "A": ("train/good", "{split}/{kind}/img", "{split}/{kind}/label"),
    "B": ("train/good/img", "{split}/{kind}/img", "{split}/{kind}/anomaly_mask"),
    "C": ("train/good", "{split}/img/{kind}", "{split}/label/{kind}"),
}
TRAIN, GOOD, BAD, MASK = (
    "train/good/phantom_0000_s00.png",
    "valid/good/img/phantom_0010_s00.png",
    "valid/Ungood/img/phantom_0011_s00.png",
    "valid/Ungood/label/phantom_0011_s00.png",
)


def picture(seed: int, shape: tuple[int, int] = (12, 10)) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def lesion(shape: tuple[int, int] = (12, 10)) -> NDArray[np.uint8]:
    mask = np.zeros(shape, np.uint8)
    mask[3:6, 4:7] = 255
    return mask


def save(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def write_clean_set(root: Path, layout: str = "A") -> Path:
    """Write three training patients, and a normal and an abnormal one in each other split, two slices of each."""
    train, images, masks = LAYOUTS[layout]
    seed = 0
    for first, split in ((0, "train"), (10, "valid"), (20, "test")):
        for patient in range(first, first + (3 if split == "train" else 2)):
            kind = "Ungood" if split != "train" and patient % 10 else "good"
            for number in range(2):
                name = f"phantom_{patient:04d}_s{number:02d}.png"
                folder = train if split == "train" else images.format(split=split, kind=kind)
                save(root / folder / name, picture(seed := seed + 1))
                if kind == "Ungood":
                    save(root / masks.format(split=split, kind=kind) / name, lesion())
    return root


def found(inspection: Inspection) -> list[tuple[str, str]]:
    return [(finding.severity, finding.code) for finding in inspection.findings]
