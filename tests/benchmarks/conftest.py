"""Data sets that are measured in a second."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.bundles.conftest import ROOT, head
from tests.conftest import save_nifti

SPACING = np.diag([1.0, 1.0, 3.0, 1.0])
"""Affine of volumes: 3 mm from slice to slice."""

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


def write_volumes(root: Path, patients: int, *, scans: int = 1, seed: int = 0) -> Path:
    """A datalist: FLAIR-like volumes of 48 x 48 x 8 with a lesion in two slices; the last two patients validate.

    Its testing lists a volume that is not there.
    """
    generator = np.random.default_rng(seed)
    splits: dict[str, list[dict[str, str]]] = {"training": [], "validation": []}
    for patient in range(patients):
        for number in range(scans):
            slices = [head(generator, z in (5, 6)) for z in range(8)]
            name = f"{patient}_{number}"
            for part, stack in zip(("flair", "seg"), zip(*slices, strict=True), strict=True):
                save_nifti(root / f"{name}_{part}.nii.gz", np.stack(stack, -1).astype(np.int16), SPACING)
            item = {"image": f"{name}_flair.nii.gz", "label": f"{name}_seg.nii.gz", "patient": f"P{patient}"}
            splits["validation" if patient >= patients - 2 else "training"].append(item)
    testing = [{"image": "missing.nii.gz", "label": "missing_seg.nii.gz", "patient": "P999"}]
    file = root / "volumes.json"
    file.write_text(json.dumps({**splits, "testing": testing}))
    return file
