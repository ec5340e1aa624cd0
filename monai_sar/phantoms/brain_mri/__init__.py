"""Heads as on axial FLAIR MRI."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from monai_sar.phantoms.brain_mri.lesion import LesionKind
from monai_sar.phantoms.brain_mri.nifti_volumes import write_nifti_volume
from monai_sar.phantoms.brain_mri.subject import GENERATOR, BrainPhantom, make_brain_phantom
from monai_sar.phantoms.domain import PhantomDomain

__all__ = ["BRAIN_MRI", "BrainPhantom", "LesionKind", "make_brain_phantom"]

_KINDS = tuple(LesionKind)


def _make(seed: int, subject: int, abnormal: bool) -> BrainPhantom:
    # kinds take turns, so that a small set has them all
    return make_brain_phantom(seed, subject, _KINDS[subject % len(_KINDS)] if abnormal else None)


def _slice_pixels(phantom: BrainPhantom) -> NDArray[np.uint16]:
    pixels: NDArray[np.uint16] = np.round(phantom.image * (65535 / phantom.image.max())).astype(np.uint16)
    return pixels


BRAIN_MRI: Final = PhantomDomain(
    name="brain_mri",
    generator=GENERATOR,
    imitates="axial FLAIR MRI of the head. Their lesions are oedema, tumour and cavity",
    folders="""\
bmad/   slices in BMAD layout: 16-bit grey PNG, one linear scale for all slices of a subject, rows from anterior
        to posterior, columns from the patient's right to the left; masks are 8-bit PNG (0 or 255), same name
nifti/  whole volumes of other subjects: FLAIR (int16) and lesion mask (uint8), oblique, stored axes vary
""",
    make=_make,
    slice_pixels=_slice_pixels,
    volume_folder="nifti",
    write_volume=write_nifti_volume,
)
