"""A phantom as a scanner's export: the CT as a DICOM series, liver and lesion as NIfTI masks on the same grid."""
# nibabel types only part of itself
# mypy: allow-untyped-calls

from pathlib import Path

import nibabel as nib
import numpy as np

from monai_sar._atomic import atomic_path
from monai_sar.phantoms.liver_ct.ct_series import write_ct_series
from monai_sar.phantoms.liver_ct.subject import LiverPhantom

__all__ = ["write_volume"]

SCANNER = 1  # code of qform and sform: scanner anatomical coordinates (NIfTI-1.1, section on methods 2 and 3)


def write_volume(phantom: LiverPhantom, root: Path, subject: int) -> None:
    """Write ``phantom_SSSS_ct/`` (DICOM), ``phantom_SSSS_liver.nii.gz`` and ``phantom_SSSS_lesion.nii.gz`` (0 or 1).

    The masks are uint8 and stored as a DICOM reader gives the series: columns, rows, slices.
    """
    name = f"phantom_{subject:04d}"
    write_ct_series(phantom, root / f"{name}_ct", subject)
    affine = phantom.affine[:, [1, 0, 2, 3]]
    for part, mask in (("liver", phantom.liver), ("lesion", phantom.mask)):
        image = nib.nifti1.Nifti1Image(mask.transpose(1, 0, 2).astype(np.uint8), affine)
        image.header.set_xyzt_units("mm")
        image.set_qform(affine, SCANNER)
        image.set_sform(affine, SCANNER)
        with atomic_path(root / f"{name}_{part}.nii.gz") as temporary:
            nib.save(image, temporary)
