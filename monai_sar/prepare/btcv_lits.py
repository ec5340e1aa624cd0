"""BTCV and LiTS -> BMAD's liver CT: axial cut-outs of the liver, normal ones to train on, with tumours to test.

Sources: BTCV (Synapse syn3193805, RawData/Training): ``img/img0001.nii.gz``, ``label/label0001.nii.gz``, liver = 6.
LiTS (arXiv 1901.04056): ``volume-0.nii``, ``segmentation-0.nii``, 1 = liver, 2 = tumour. BMAD (arXiv 2306.11876)
trains on BTCV and validates and tests on slices of LiTS; which, is not published. Its script ``data/liver/liver.py``
takes every tenth of them for validation by slice, so that patients are in both; here they are not.
"""

import logging
import math
import os
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monai_sar.prepare.case import Case, LabelledSlice
from monai_sar.prepare.find_pairs import find_pairs
from monai_sar.prepare.labelled_volume import LabelledVolume, read_labelled_volume
from monai_sar.prepare.liver_cutout import cut_out_liver
from monai_sar.prepare.patient_splits import split_patients
from monai_sar.prepare.prepare_cases import PrepareReport, prepare_cases
from monai_sar.scans import ScanError

__all__ = ["MIN_LIVER_MM2", "prepare_btcv_lits"]

_LOGGER = logging.getLogger(__name__)

MIN_LIVER_MM2 = 1000.0
"""Slices with less liver are left out: 10 cm², some four by four patches of the encoder."""

BTCV_LIVER = 6
LITS_TUMOUR = 2

VALID_SHARE = 0.1
"""Of the patients of each set. BMAD: 166 of 1,659 slices of LiTS, none of BTCV."""


def prepare_btcv_lits(
    btcv: str | os.PathLike[str],
    lits: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    window: tuple[float, float] = (-125.0, 275.0),
    equalize: bool = False,
    seed: int = 0,
) -> PrepareReport:
    """Write the livers of BTCV and LiTS as a BMAD data set, unless they are there.

    BTCV gives train/good and a part of valid/good; LiTS gives the rest of valid and all of test. There the slices of a
    patient without tumour are "good", those with any tumour "Ungood". A slice is the axial cut-out of the liver, 0
    outside, the window linear in 16-bit grey; slices with less than 10 cm² of liver are left out.

    Args:
        btcv: the folder with BTCV's images and labels.
        lits: the folder with LiTS's volumes and segmentations.
        output: the folder to write to.
        window: the HU that become 0 and 65535.
        equalize: equalize the histogram of each liver over its volume, see
            :func:`monai_sar.prepare.liver_cutout.cut_out_liver`.
        seed: another seed draws other patients for the splits.

    Returns:
        What was written, and what could not be read.

    Raises:
        DatasetError: the raw data are not there, or too few.
        FolderInUseError: ``output`` holds something else.
        ValueError: the window is empty.

    Example:
        >>> report = prepare_btcv_lits("RawData/Training", "LiTS", "data/bmad/liver_ct")  # doctest: +SKIP
    """
    low, high = map(float, window)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"window is {low:g} to {high:g} HU, expected two numbers, the lower first.")
    cases = [*_btcv_cases(Path(btcv), seed), *_lits_cases(Path(lits), seed)]
    settings = {"data_set": "btcv-lits", "window": [low, high], "equalize": equalize, "seed": seed}
    read = partial(_read, window=(low, high), equalize=equalize)
    return prepare_cases(cases, read, Path(output), settings=settings)


def _btcv_cases(root: Path, seed: int) -> list[Case]:
    pairs = find_pairs(
        root,
        image=r"img(\d{4})\.nii(?:\.gz)?",
        label=r"label(\d{4})\.nii(?:\.gz)?",
        example="img/img0001.nii.gz and label/label0001.nii.gz",
    )
    splits = split_patients((pair.number for pair in pairs), shares={"valid": VALID_SHARE}, rest="train", seed=seed)
    return [
        Case(f"img{number}", f"BTCV-{number}", splits[number], root, image, label) for number, image, label in pairs
    ]


def _lits_cases(root: Path, seed: int) -> list[Case]:
    pairs = find_pairs(
        root,
        image=r"volume-(\d+)\.nii(?:\.gz)?",
        label=r"segmentation-(\d+)\.nii(?:\.gz)?",
        example="volume-0.nii and segmentation-0.nii",
    )
    splits = split_patients((pair.number for pair in pairs), shares={"valid": VALID_SHARE}, rest="test", seed=seed)
    return [
        Case(f"volume-{number}", f"LiTS-{number}", splits[number], root, image, label) for number, image, label in pairs
    ]


def _read(case: Case, *, window: tuple[float, float], equalize: bool) -> list[LabelledSlice]:
    if case.patient.startswith("BTCV"):
        volume = read_labelled_volume(case, values=tuple(range(14)))
        liver, tumour = volume.label == BTCV_LIVER, np.zeros_like(volume.label, dtype=np.bool_)
    else:
        volume = read_labelled_volume(case, values=(0, 1, LITS_TUMOUR))
        liver, tumour = volume.label > 0, volume.label == LITS_TUMOUR
    _check_liver(case, liver)
    shown = np.flatnonzero(liver.any(axis=(0, 1)))
    cut_out = cut_out_liver(volume.image[..., shown], liver[..., shown], window=window, equalize=equalize)
    pixels = np.rint(cut_out * 65535).astype(np.uint16)
    large = liver[..., shown].sum(axis=(0, 1)) * _pixel_mm2(volume) >= MIN_LIVER_MM2
    return [
        LabelledSlice(
            pixels=pixels[..., i],
            lesion=tumour[..., shown[i]],
            number=volume.indices[shown[i]],
            source=case.image,
            index=volume.indices[shown[i]],
            sha256=volume.sha256,
        )
        for i in np.flatnonzero(large)
    ]


def _pixel_mm2(volume: LabelledVolume) -> float:
    rows, columns = np.asarray(volume.image.affine)[:3, :2].T
    return float(np.linalg.norm(rows) * np.linalg.norm(columns))


def _check_liver(case: Case, liver: NDArray[np.bool_]) -> None:
    if not liver.any():
        raise ScanError(f"{case.label}: outlines no liver; check that it belongs to {case.image.name}.")
    # as displayed, the patient's right is on the left
    columns = np.arange(liver.shape[1])
    centre = float(np.average(columns, weights=liver.sum(axis=(0, 2))))
    if centre > columns.mean():
        _LOGGER.warning(
            "%s: the liver lies on the patient's left, if its header is true. Volumes 28 to 47 of LiTS have none of "
            "their own (identity affine): look at the slices, and mend the headers of volume and segmentation.",
            case.image,
        )
