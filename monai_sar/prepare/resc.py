"""RESC -> BMAD's retinal OCT: B-scans with and without fluid.

RESC is the Retinal Edema Segmentation Challenge of AI Challenger 2018 (``ai_challenger_fl2018_*.zip``): macular cubes
of a Cirrus HD-OCT, 128 B-scans of 512 x 1024 pixels (columns x rows), 8-bit grey BMP, 70 volumes for training and 15
for validation. The labels of the challenge's test set are not public.

::

    Edema_trainingset/original_images/P0001_MacularCube512x128_..._cube_z.img/1.bmp ... 128.bmp
    Edema_trainingset/label_images/P0001_MacularCube512x128_..._cube_z_labelMark/1.bmp ... 128.bmp
    Edema_validationset/...

Labels: 0 background, 128 pigment epithelial detachment, 191 subretinal fluid, 255 retinal edema area. Folders and
values are those that participants' public code reads (repository ShawnBIT/AI-Challenger-Retinal-Edema-Segmentation,
README.md and data/Seg_dataset.py). BMAD (arXiv 2306.11876, ``data/retina/count_data.py``) trains on the lesion-free
frames of the training set, and divides the 1,920 frames of the validation set between validation and test.
"""

import logging
import os
import re
from pathlib import Path

import numpy as np

from monai_sar.datasets.bmad_folder import DatasetError
from monai_sar.datasets.bmad_layouts import Split
from monai_sar.prepare.case import Case, LabelledSlice
from monai_sar.prepare.patient_splits import split_patients
from monai_sar.prepare.prepare_cases import PrepareReport, prepare_cases
from monai_sar.scans import ScanError
from monai_sar.scans.content_hash import content_sha256
from monai_sar.scans.stored_image import grey_values, read_stored_image

__all__ = ["prepare_resc"]

_LOGGER = logging.getLogger(__name__)

LABELS = (0, 128, 191, 255)

VALID_SHARE = 115 / 1920
"""Of the patients of the challenge's validation set; BMAD: of its frames."""


def prepare_resc(raw: str | os.PathLike[str], output: str | os.PathLike[str], *, seed: int = 0) -> PrepareReport:
    """Write the B-scans of RESC as a BMAD data set, unless they are there.

    The challenge's training set gives train/good, its validation set is divided between valid and test by patient. A
    frame with any of the three lesions is "Ungood". A patient of the validation set who has volumes in the training
    set as well is not trained on. Pixels are stored as they are, 8-bit grey.

    Args:
        raw: the folder that holds Edema_trainingset and Edema_validationset, at any depth.
        output: the folder to write to.
        seed: another seed draws other patients for validation.

    Returns:
        What was written, and what could not be read.

    Raises:
        DatasetError: the raw data are not there, or too few.
        FolderInUseError: ``output`` holds something else.

    Example:
        >>> report = prepare_resc("ai_challenger_fl2018", "data/bmad/retinal_oct")  # doctest: +SKIP
    """
    root = Path(raw)
    training, validation = _volumes(root, "trainingset"), _volumes(root, "validationset")
    splits = split_patients(map(_patient, validation), shares={"valid": VALID_SHARE}, rest="test", seed=seed)
    if shared := [volume.name for volume in training if _patient(volume) in splits]:
        _LOGGER.warning(
            "%s: left out %d training volumes of patients who are in the validation set too (%s)",
            root,
            len(shared),
            ", ".join(shared),
        )
    cases = [_case(root, volume, splits.get(_patient(volume), "train")) for volume in (*training, *validation)]
    cases = [case for case in cases if case.image.name not in shared]
    return prepare_cases(cases, _read, Path(output), settings={"data_set": "resc", "seed": seed})


def _volumes(root: Path, name: str) -> list[Path]:
    """Return the folders of the volumes of one of the challenge's sets."""
    found: dict[str, Path] = {}
    for folder in sorted(root.rglob("original_images")):
        if not folder.parent.name.lower().endswith(name):
            continue
        for volume in sorted(path for path in folder.iterdir() if path.is_dir()):
            if (other := found.setdefault(volume.name, volume)) != volume:
                raise DatasetError(f"{volume}: found the same volume as {other}; expected it once. Remove one.")
    if not found:
        raise DatasetError(
            f"{root}: found no Edema_{name}/original_images with volumes in it or below; expected the unpacked "
            "training and validation sets of RESC. Check the path."
        )
    return list(found.values())


def _patient(volume: Path) -> str:
    """Return the patient: ``PC010`` of ``PC010_MacularCube512x128_...``; one patient may have several volumes."""
    return f"RESC-{volume.name.partition('_')[0]}"


def _case(root: Path, volume: Path, split: Split) -> Case:
    name = volume.name.removesuffix(".img")
    label = volume.parents[1] / "label_images" / f"{name}_labelMark"
    return Case(name, _patient(volume), split, root, volume, label)


def _read(case: Case) -> list[LabelledSlice]:
    frames = _frames(case.image)
    labelled = len(frames.keys() & _frames(case.label).keys())
    if not frames or labelled < len(frames):
        raise ScanError(
            f"{case.image}: has {len(frames)} frames (1.bmp, 2.bmp, ...), of which {labelled} have a label of the same "
            f"name in {case.label}; expected all. Unpack the set again."
        )
    return [_read_frame(case, number, path) for number, path in frames.items()]


def _frames(folder: Path) -> dict[int, Path]:
    """Return the frames by their numbers, in order."""
    files = folder.iterdir() if folder.is_dir() else ()
    numbered = ((re.fullmatch(r"(\d+)\.bmp", path.name.lower()), path) for path in files)
    return dict(sorted((int(match[1]), path) for match, path in numbered if match))


def _read_frame(case: Case, number: int, path: Path) -> LabelledSlice:
    pixels = grey_values(read_stored_image(path)).astype(np.uint8)
    label_path = case.label / path.name
    label = read_stored_image(label_path).pixels
    if label.ndim == 3 and (label == label[..., :1]).all():  # grey, saved in three channels
        label = label[..., 0]
    if label.shape != pixels.shape or not np.isin(label, LABELS).all():
        raise ScanError(
            f"{label_path}: holds {' x '.join(map(str, label.shape))} pixels from {label.min()} to {label.max()}; "
            f"expected {' x '.join(map(str, pixels.shape))} as {path.name}, and only the values "
            f"{', '.join(map(str, LABELS))}. Unpack the set again."
        )
    return LabelledSlice(
        pixels=pixels,
        lesion=label > 0,
        number=number,
        source=path,
        index=number - 1,
        sha256=content_sha256([path]),
    )
