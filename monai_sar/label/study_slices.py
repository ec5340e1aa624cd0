"""The slices of studies as prediction sees them, on disk for training."""

import csv
from collections.abc import Callable, Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from torch import Tensor

from monai_sar._progress import progress_bar
from monai_sar.datasets.patients import MANIFEST
from monai_sar.label.normal_studies import NormalStudy
from monai_sar.label.study_scan import StudyScan
from monai_sar.transforms.foreground import has_foreground

__all__ = ["LoadStudySliced", "write_study_slices"]

LEVELS = 65535
"""Grey levels of a stored slice, as in a 16-bit image."""


def write_study_slices(
    studies: Iterable[NormalStudy], prepare: Callable[[StudyScan], Mapping[str, Any]], folder: Path
) -> dict[str, list[Path]]:
    """Prepare studies as for prediction, and write every slice that shows something.

    Training images and predicted ones are thus the same to the last of 16 bits, where the preprocessing of image files
    could only come near it: it does not know the whole volume.

    Args:
        studies: to read.
        prepare: scan of a study -> ``image`` ``[1, H, W, D]`` in [0, 1] and ``region`` ``[1, H, W, D]``.
        folder: to write to; also ``manifest.csv``, which says whose each slice is.

    Returns:
        The files of each patient.

    Raises:
        ScanError: a study cannot be read without guessing.
        ValueError: a study of which no slice shows anything.
    """
    folder.mkdir(parents=True)
    files: dict[str, list[Path]] = {}
    with (folder / MANIFEST).open("w", newline="") as opened:
        manifest = csv.writer(opened)
        manifest.writerow(("file", "patient"))
        for study in progress_bar(list(studies), task="Reading normal studies", unit="study"):
            written = _write_slices(study, prepare(study.scan), folder)
            manifest.writerows((file.name, study.patient) for file in written)
            files.setdefault(study.patient, []).extend(written)
    return files


def _write_slices(study: NormalStudy, item: Mapping[str, Any], folder: Path) -> list[Path]:
    image, region = _plain(item["image"])[0], _plain(item["region"])[0] != 0
    files = []
    for index in range(image.shape[-1]):
        pixels, inside = image[..., index].contiguous(), region[..., index]
        if has_foreground(pixels) and inside.any():
            file = folder / f"{study.name}_{index:04d}.npz"
            levels = np.rint(pixels.numpy() * LEVELS).astype(np.uint16)
            np.savez_compressed(file, image=levels, region=inside.numpy())
            files.append(file)
    if not files:
        raise ValueError(f"{study.scan.path}: no slice shows anything to learn from; check the study, or its mark.")
    return files


def _plain(values: Any) -> Tensor:
    return torch.as_tensor(values).as_subclass(Tensor).cpu()


class LoadStudySliced(MapTransform):
    """Load a slice that :func:`write_study_slices` wrote: ``[1, H, W]`` in [0, 1], and its ``region``.

    Args:
        keys: keys whose path is replaced by the slice.
    """

    def __init__(self, keys: KeysCollection) -> None:
        super().__init__(keys)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Load the slices of an item."""
        item = dict(data)
        for key in self.key_iterator(item):
            with np.load(item[key], allow_pickle=False) as stored:
                image = torch.from_numpy(stored["image"].astype(np.float32) / LEVELS)
                item["region"] = torch.from_numpy(stored["region"])[None]
            item[key] = MetaTensor(image[None], meta={"filename_or_obj": str(data[key])})
        return item
