"""A phantom as a pair of NIfTI files: the scan and its lesion mask."""
# nibabel types only part of itself
# mypy: allow-untyped-calls

from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.orientations import axcodes2ornt, inv_ornt_aff, ornt_transform
from numpy.typing import NDArray

from monai_sar._atomic import atomic_path
from monai_sar.phantoms.brain_mri.subject import BrainPhantom

__all__ = ["write_nifti_volume"]

STORED_AXES = ("RAS", "LPS", "PLS", "SAR")  # scanners and converters differ, so the volumes take turns
SCANNER = 1  # code of qform and sform: scanner anatomical coordinates (NIfTI-1.1, section on methods 2 and 3)


def write_nifti_volume(phantom: BrainPhantom, root: Path, subject: int) -> None:
    """Write ``phantom_SSSS_flair.nii.gz`` (int16) and ``phantom_SSSS_lesion.nii.gz`` (uint8, 0 or 1).

    The order and direction of the stored axes change from subject to subject; the affine, oblique and the same in
    qform and sform, says where they point.
    """
    change = ornt_transform(axcodes2ornt("PLS"), axcodes2ornt(STORED_AXES[subject % len(STORED_AXES)]))
    affine = phantom.affine @ inv_ornt_aff(change, phantom.image.shape)
    arrays: dict[str, NDArray[np.generic]] = {
        "flair": np.round(phantom.image).astype(np.int16),
        "lesion": phantom.mask.astype(np.uint8),
    }
    for name, array in arrays.items():
        image = nib.nifti1.Nifti1Image(nib.orientations.apply_orientation(array, change), affine)
        image.header.set_xyzt_units("mm")
        image.set_qform(affine, SCANNER)
        image.set_sform(affine, SCANNER)
        with atomic_path(root / f"phantom_{subject:04d}_{name}.nii.gz") as temporary:
            nib.save(image, temporary)
