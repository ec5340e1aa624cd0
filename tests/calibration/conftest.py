"""Normal images and volumes of many patients, and a calibration made by hand."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from PIL import Image

from monai_sar.calibration import Calibration
from monai_sar.networks.checkpoint import read_checkpoint, replace_saved_with, saved_with
from tests.bundles.conftest import head
from tests.conftest import save_nifti

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


def write_volume(folder: Path, name: str, *, seed: int, lesion: Sequence[int] | None = None) -> dict[str, str]:
    """A volume of a head, 6 slices 4 mm apart; with ``lesion`` a mask of it, in these slices. Returns its paths."""
    generator = np.random.default_rng(seed)
    drawn = [head(generator, lesion=index in (lesion or ())) for index in range(6)]
    image, mask = (np.stack([pair[which] for pair in drawn], axis=-1) for which in (0, 1))
    affine = np.diag([1.0, 1.0, 4.0, 1.0])
    paths = {"image": str(save_nifti(folder / f"{name}.nii.gz", image.astype(np.int16), affine))}
    if lesion is not None:
        nib.save(nib.nifti1.Nifti1Image(mask, affine), folder / f"{name}_seg.nii.gz")
        paths["label"] = str(folder / f"{name}_seg.nii.gz")
    return paths


def write_normal_volumes(root: Path, *, patients: int = PATIENTS) -> Path:
    """A datalist of normal validation volumes, of the first patient two, and of one more patient for training."""
    scans = [(f"P{patient:02}", f"{patient:02}") for patient in range(patients)] + [("P00", "00_again")]
    items = [write_volume(root, name, seed=seed) | {"patient": patient} for seed, (patient, name) in enumerate(scans)]
    return write_datalist(root, training=[write_volume(root, "train", seed=1000) | {"patient": "T"}], validation=items)


def write_datalist(root: Path, **splits: list[dict[str, str]]) -> Path:
    path = root / "dataset.json"
    path.write_text(json.dumps(splits))
    return path


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
        "scan_scores": tuple((score,) for score in sorted(scores)),
        "units": len(scores),
        "unit": "patient",
        "kind": "volumes",
        "scans": len(scores),
        "digests": tuple(f"{index:012x}" for index in range(len(scores))),
        "data_sha256": "0" * 64,
    }
    return Calibration(**fields | change)


def calibrated_checkpoint(checkpoint: Path, path: Path, calibration: Calibration) -> Path:
    """A copy of the brain bundle's checkpoint that holds this calibration."""
    path.write_bytes(checkpoint.read_bytes())
    replace_saved_with(path, saved_with(read_checkpoint(path)) | {"calibration": calibration.to_dict()})
    return path
