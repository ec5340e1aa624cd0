"""BraTS 2021 -> BMAD's brain MRI: axial FLAIR slices with and without tumour.

Source: BraTS 2021 (arXiv 2107.02314), ``BraTS2021_00003_flair.nii.gz`` and ``BraTS2021_00003_seg.nii.gz``, 240 x
240 x 155 voxels of 1 mm. BMAD (arXiv 2306.11876) takes the axial slices 60 to 100 and trains on those without
tumour. Its lists of patients are not published; its counts are those of 91 of the 1,251 patients for the test and of
two for validation, with all their slices.
"""

import os
from functools import partial
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.colors import Normalize
from monai.transforms import ScaleIntensity
from numpy.typing import NDArray

from monai_sar.datasets.bmad_layouts import Split
from monai_sar.prepare.case import Case, LabelledSlice
from monai_sar.prepare.find_pairs import find_pairs
from monai_sar.prepare.labelled_volume import read_labelled_volume
from monai_sar.prepare.patient_splits import split_patients
from monai_sar.prepare.prepare_cases import PrepareReport, prepare_cases
from monai_sar.scans import ScanError

__all__ = ["prepare_brats2021"]

SLICES = range(60, 101)
"""Counted from the lowest: from the base of the brain to its top."""

TUMOUR = (1, 2, 4)
"""Necrotic core, oedema, enhancing tumour."""

SHARES: dict[Split, float] = {"test": 91 / 1251, "valid": 0.01}
"""Of the patients; the rest is for training.

Test: the 640 + 3,075 slices of BMAD are those of 91 patients. Validation: 13 patients, where BMAD has two patients'
worth of slices, which are too few to count patients, and may all show tumour.
"""


def prepare_brats2021(
    raw: str | os.PathLike[str], output: str | os.PathLike[str], *, bone: bool = False, seed: int = 0
) -> PrepareReport:
    """Write the axial slices 60 to 100 of BraTS 2021 as a BMAD data set, unless they are there.

    All slices of a patient go into one split; of patients in train only the slices without tumour are written. A
    slice with any tumour is "Ungood". A slice is stored as 16-bit grey on one linear scale for the whole volume, from
    its lowest to its highest value, and is called ``00003_75.png`` as in BMAD.

    Args:
        raw: the folder with the volumes, in folders per patient or all in one.
        output: the folder to write to.
        bone: store as BMAD does: each slice stretched to 8 bits by itself, and coloured with the map "bone" (RGBA).
        seed: another seed draws other patients for the splits.

    Returns:
        What was written, and what could not be read.

    Raises:
        DatasetError: the raw data are not there, or too few.
        FolderInUseError: ``output`` holds something else.

    Example:
        >>> report = prepare_brats2021("BraTS2021_Training_Data", "data/bmad/brain_mri")  # doctest: +SKIP
        >>> report.slices["test", "Ungood"], report.failed  # doctest: +SKIP
        (3062, ())
    """
    pairs = find_pairs(
        Path(raw),
        image=r"BraTS2021_(\d{5})_flair\.nii(?:\.gz)?",
        label=r"BraTS2021_(\d{5})_seg\.nii(?:\.gz)?",
        example="BraTS2021_00003_flair.nii.gz and BraTS2021_00003_seg.nii.gz",
    )
    splits = split_patients((pair.number for pair in pairs), shares=SHARES, rest="train", seed=seed)
    cases = [
        Case(pair.number, f"BraTS2021_{pair.number}", splits[pair.number], Path(raw), pair.image, pair.label)
        for pair in pairs
    ]
    settings = {"data_set": "brats2021", "bone": bone, "seed": seed}
    return prepare_cases(cases, partial(_read, bone=bone), Path(output), settings=settings)


def _read(case: Case, *, bone: bool) -> list[LabelledSlice]:
    volume = read_labelled_volume(case, values=(0, *TUMOUR))
    if len(volume.indices) < SLICES.stop:
        raise ScanError(
            f"{case.image}: has {len(volume.indices)} axial slices, expected 155 as in BraTS 2021; check that it is "
            "the original volume."
        )
    image = volume.image[0].numpy() if bone else ScaleIntensity(0, 65535)(volume.image)[0].numpy()
    return [
        LabelledSlice(
            pixels=_bone(image[..., k]) if bone else np.rint(image[..., k]).astype(np.uint16),
            lesion=volume.label[..., k] > 0,
            number=volume.indices[k],
            source=case.image,
            index=volume.indices[k],
            sha256=volume.sha256,
        )
        for k in SLICES
    ]


def _bone(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Stretch a slice and colour it, as ``matplotlib.pyplot.imsave(..., cmap="bone")`` does."""
    return np.asarray(matplotlib.colormaps["bone"](Normalize()(values), bytes=True), dtype=np.uint8)
