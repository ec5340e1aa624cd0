"""Read a volume and the outline on its grid, both turned as they are displayed."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
import torch
from monai.data.meta_tensor import MetaTensor
from numpy.typing import NDArray

from monai_sar.prepare.case import Case
from monai_sar.scans import ScanError
from monai_sar.scans.scan import reading
from monai_sar.scans.scan_origin import ScanOrigin
from monai_sar.transforms.load_scan import LoadScan
from monai_sar.transforms.orient_slices import OrientDrawnd, OrientSlicesd

__all__ = ["LabelledVolume", "read_labelled_volume"]


@dataclass(frozen=True, eq=False)
class LabelledVolume:
    """A volume in axial slices as displayed: rows to posterior, columns to the patient's left, slices up.

    Attributes:
        image: ``[1, rows, columns, slices]``, float32, in the unit of the scan (CT: HU).
        label: ``[rows, columns, slices]``, uint8.
        indices: of each slice, its index along the axis of the file's own array.
        sha256: of the file of the image.
    """

    image: MetaTensor
    label: NDArray[np.uint8]
    indices: tuple[int, ...]
    sha256: str


def read_labelled_volume(case: Case, *, values: tuple[int, ...]) -> LabelledVolume:
    """Read the two NIfTI files of a case.

    Args:
        case: what to read.
        values: the values that the outline may hold.

    Raises:
        ScanError: a file is missing or damaged, or the outline holds other values.
        ValueError: the outline lies on another grid than the scan.
    """
    image = LoadScan()(case.image)
    item: dict[Hashable, Any] = {"image": image, "label": _read_label(case, values)}
    oriented = OrientDrawnd("label")(OrientSlicesd("image", axis="axial")(item))
    return LabelledVolume(
        image=oriented["image"],
        label=oriented["label"][0].numpy(),
        indices=_indices(image, oriented["image"]),
        sha256=ScanOrigin.of(image).sha256,
    )


def _read_label(case: Case, values: tuple[int, ...]) -> MetaTensor:
    """Return ``[1, X, Y, Z]``, uint8. LoadScan would refuse an outline that is empty."""
    if not case.label.is_file():
        raise ScanError(f"{case.label}: does not exist; copy it beside {case.image.name}.")
    with reading(case.label, "NIfTI"):
        nifti: Any = nib.load(case.label)  # nibabel types its images in part
        stored = np.asarray(nifti.dataobj)
        compact = stored.astype(np.uint8)
    allowed = np.zeros(256, dtype=np.bool_)
    allowed[list(values)] = True
    if not (np.array_equal(compact, stored) and allowed[compact].all()):
        raise ScanError(
            f"{case.label}: holds values from {stored.min():g} to {stored.max():g}, expected only "
            f"{', '.join(map(str, values))}; check that it is the original outline."
        )
    affine = torch.from_numpy(np.asarray(nifti.affine, dtype=np.float64))
    return MetaTensor(torch.from_numpy(compact)[None], affine=affine, meta={"filename_or_obj": str(case.label)})


def _indices(source: MetaTensor, oriented: MetaTensor) -> tuple[int, ...]:
    """Return where the slices of the oriented volume lie along the axis that they had in the source."""
    to_source = np.linalg.inv(np.asarray(source.affine)) @ np.asarray(oriented.affine)
    axis = int(np.abs(to_source[:3, 2]).argmax())
    positions = to_source[axis, 2] * np.arange(oriented.shape[-1]) + to_source[axis, 3]
    return tuple(np.rint(positions).astype(int).tolist())
