"""Data sets that are measured in a second."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.bundles.conftest import ROOT, head

BUNDLE = str(ROOT / "bundles" / "brain_mri_anomaly")


def write_data_set(root: Path, seed: int) -> Path:
    """Train 6 normal; valid and test 2 normal and 2 abnormal each, in BMAD's layout A."""
    generator = np.random.default_rng(seed)
    for folder, count in (("train", 6), ("valid", 2), ("test", 2)):
        for kind in ("good",) if folder == "train" else ("good", "Ungood"):
            for index in range(count):
                image, mask = head(generator, kind == "Ungood")
                parts = {"": image} if folder == "train" else {"img": image, "label": mask}
                for part, pixels in parts.items():
                    save(root / folder / kind / part / f"{index}.png", pixels)
    return root


def save(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write a picture, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
