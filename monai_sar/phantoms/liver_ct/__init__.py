"""Abdomens as on portal-venous CT, with lesions of the liver."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from monai_sar.phantoms.domain import PhantomDomain
from monai_sar.phantoms.liver_ct.lesion import LiverLesionKind
from monai_sar.phantoms.liver_ct.subject import GENERATOR, LiverPhantom, make_liver_phantom
from monai_sar.phantoms.liver_ct.volumes import write_volume

__all__ = ["LIVER_CT", "LiverLesionKind", "LiverPhantom", "make_liver_phantom"]

_KINDS = tuple(LiverLesionKind)
_WINDOW_HU = (-125.0, 275.0)


def _make(seed: int, subject: int, abnormal: bool) -> LiverPhantom:
    # kinds take turns, so that a small set has them all
    return make_liver_phantom(seed, subject, _KINDS[subject % len(_KINDS)] if abnormal else None)


def _slice_pixels(phantom: LiverPhantom) -> NDArray[np.uint16]:
    """Cut the liver out, as BMAD's liver set does."""
    low, high = _WINDOW_HU
    scaled = np.clip((phantom.image - low) / (high - low), 0, 1) * phantom.liver
    pixels: NDArray[np.uint16] = np.round(65535 * scaled).astype(np.uint16)
    return pixels


LIVER_CT: Final = PhantomDomain(
    name="liver_ct",
    generator=GENERATOR,
    imitates=(
        "portal-venous CT of the abdomen. Their lesions, all in the liver, are metastases, cysts and\n"
        "hypervascular lesions"
    ),
    folders="""\
bmad/   liver cut-outs in BMAD layout: 16-bit grey PNG, -125 to 275 HU linear to 0 to 65535, 0 outside the liver,
        rows from anterior to posterior, columns from the patient's right to the left; masks are 8-bit PNG (0 or
        255), same name
dicom/  whole volumes of other subjects: the CT as a DICOM series, liver and lesion masks as NIfTI (uint8)
""",
    make=_make,
    slice_pixels=_slice_pixels,
    volume_folder="dicom",
    write_volume=write_volume,
)
