"""Maculae as on OCT."""

from typing import Final

from monai_sar.phantoms.domain import PhantomDomain
from monai_sar.phantoms.retinal_oct.exports import slice_pixels, write_oct_volume
from monai_sar.phantoms.retinal_oct.lesion import RetinaLesionKind
from monai_sar.phantoms.retinal_oct.subject import GENERATOR, USUAL_SPACING, RetinaPhantom, make_retina_phantom

__all__ = ["RETINAL_OCT", "RetinaLesionKind", "RetinaPhantom", "make_retina_phantom"]

_KINDS = tuple(RetinaLesionKind)
_ROWS, _COLUMNS, _SLICES = USUAL_SPACING


def _make(seed: int, subject: int, abnormal: bool) -> RetinaPhantom:
    # kinds take turns, so that a small set has them all
    return make_retina_phantom(seed, subject, _KINDS[subject % len(_KINDS)] if abnormal else None)


RETINAL_OCT: Final = PhantomDomain(
    name="retinal_oct",
    generator=GENERATOR,
    imitates="OCT of the macula. Their lesions are cysts in the retina, fluid below it, and drusen or detachments of "
    "its pigment epithelium",
    folders=f"""\
bmad/   B-scans in BMAD layout: 8-bit grey PNG, rows from vitreous to choroid, columns from the patient's right to
        the left; masks are 8-bit PNG (0 or 255), same name. Pure white (255) is the margin of an aligned B-scan
oct/    whole volumes of other subjects, each with a lesion mask (NIfTI, uint8) on the grid of the scan:
        even numbers as one multi-frame DICOM file (OPT) that says where its B-scans lie, odd numbers as a folder
        of TIFF images that say no distances. For these alone: --spacing {_COLUMNS},{_ROWS},{_SLICES}
        (mm between columns, rows and B-scans)
""",
    make=_make,
    slice_pixels=slice_pixels,
    volume_folder="oct",
    write_volume=write_oct_volume,
)
