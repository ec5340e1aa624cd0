"""Normal images of many patients, a detector calibrated on them, and a calibration made by hand."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from monai_sar.calibration import Calibration
from monai_sar.networks.checkpoint import read_checkpoint, replace_saved_with, saved_with
from tests.bundles.conftest import head

PATIENTS, SLICES = 20, 2


def write_normal_images(root: Path, *, patients: int = PATIENTS, seed: int = 0) -> list[Path]:
    """Normal validation images in BMAD's layout A, of one more patient for training; their names tell the patients."""
    generator = np.random.default_rng(seed)
    written = []
    for patient in range(patients + 1):
        folder = root / ("train/good" if patient == patients else "valid/good/img")
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(SLICES):
            path = folder / f"phantom_{patient:04}_s{index:02}.png"
            Image.fromarray(head(generator, lesion=False)[0]).save(path)
            written.append(path)
    return [path for path in written if "valid" in path.parts]


def a_calibration(
    scores: list[float] | None = None, rates: tuple[float, ...] = (0.1, 0.2), **change: Any
) -> Calibration:
    """By default of nine patients, who score 1 to 9."""
    scores = [float(score) for score in range(1, 10)] if scores is None else scores
    thresholds = tuple(max(scores) - index for index in range(len(rates)))
    fields: dict[str, Any] = {
        "rates": rates,
        "pixel_thresholds": thresholds,
        "scan_thresholds": thresholds,
        "image_thresholds": thresholds,
        "scan_scores": tuple(sorted(scores)),
        "image_scores": tuple((score,) for score in sorted(scores)),
        "unit": "patient",
        "images": len(scores),
        "data_sha256": "0" * 64,
    }
    return Calibration(**fields | change)


def calibrated_checkpoint(checkpoint: Path, path: Path, calibration: Calibration) -> Path:
    """A copy of the brain bundle's checkpoint that holds this calibration."""
    path.write_bytes(checkpoint.read_bytes())
    replace_saved_with(path, saved_with(read_checkpoint(path)) | {"calibration": calibration.to_dict()})
    return path
