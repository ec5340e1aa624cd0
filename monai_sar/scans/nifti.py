"""Read a volume in NIfTI-1, NIfTI-2 or Analyze 7.5, in one file or as a pair of header and voxels."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from monai_sar.scans.scan import ScanError, reading
from monai_sar.scans.volume import Volume, choose_volume, slice_axis
from monai_sar.scans.whole_file import check_size, is_gzip, whole_file

__all__ = ["read_nifti", "read_nifti_header", "read_values"]

_MM_PER_UNIT = {1: 1000.0, 3: 0.001}
"""Spatial codes of ``xyzt_units`` that are not millimetres (NIfTI-1: 1 metre, 3 micrometre); 0 is unknown."""

_AFFINE_TOLERANCE_MM = 0.1
"""qform and sform that differ by less than this at every corner of the volume say the same."""

_CIFTI_INTENTS = range(3000, 3100)
"""Intent codes of CIFTI-2 (its specification, "Header")."""

_ANALYZE = (nib.spm2analyze.Spm2AnalyzeImage, nib.spm99analyze.Spm99AnalyzeImage, nib.analyze.AnalyzeImage)


def read_nifti(path: Path, number: int | None = None) -> Volume:
    """Read a volume, scaled by its ``scl_slope`` and ``scl_inter``, with nibabel's affine.

    Integers that need no scaling stay as they are stored: as floats a mask would take four times the memory.

    Args:
        path: of the one file, or of the header; compressed with gzip or not, whatever their names say.
        number: of the volume, where there are several; see :func:`monai_sar.scans.volume.choose_volume`.

    Raises:
        ScanError: it is damaged, holds no such volume, or several and none is wanted, is not of real numbers, has no
            voxels beside its header, or holds no volume (CIFTI).
    """
    with reading(path, "NIfTI"), _opened(path) as (nifti, files):
        header = nifti.header
        shape, chosen = choose_volume(nifti.shape, path, number)
        if nifti.get_data_dtype().kind not in "iuf":
            raise ScanError(
                f"{path}: its voxels are of type {nifti.get_data_dtype()} (colour, complex or other), "
                "expected one real number per voxel; convert it to a grey-scale volume."
            )
        voxels = read_values(nifti, chosen).reshape(shape)
        affine = np.asarray(nifti.affine, dtype=np.float64)
        if not isinstance(header, nib.nifti1.Nifti1Header):
            notes = ["Analyze 7.5 does not say which side is left: its default orientation was taken"]
            return Volume(voxels, affine, slice_axis(affine), files, tuple(notes), chosen)
        qform, sform = nifti.get_qform(coded=True)[0], nifti.get_sform(coded=True)[0]
        notes = _orientation_notes(qform, sform, shape)
    mm_per_unit = _MM_PER_UNIT.get(int(header["xyzt_units"]) & 7)
    if mm_per_unit is not None:
        affine[:3] *= mm_per_unit
        notes.append(f"lengths in the header are in units of {mm_per_unit:g} mm; converted to millimetres")
    declared = header.get_dim_info()[2]
    axis = slice_axis(affine) if declared is None else declared
    return Volume(voxels, affine, axis, files, tuple(notes), chosen)


def read_values(image: Any, number: int | None) -> NDArray[Any]:
    """The values of an image of nibabel, or of one volume along its fourth axis alone.

    Scaled, as float32; integers that need no scaling as they are stored.
    """
    stored = image.dataobj
    if (stored.slope, stored.inter) == (1, 0) and stored.dtype.kind in "iu":
        return np.asarray(stored.get_unscaled() if number is None else stored[:, :, :, number])
    if number is None:
        return np.asarray(image.get_fdata(dtype=np.float32, caching="unchanged"))
    return np.asarray(stored[:, :, :, number], dtype=np.float32)


def read_nifti_header(path: Path) -> Any:
    """The header of a file that :func:`read_nifti` has read."""
    with reading(path, "NIfTI"), _opened(path) as (nifti, _):
        return nifti.header


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, tuple[Path, ...]]]:
    """The image, to read while the context lasts, and the files that it is in."""
    with ExitStack() as stack:
        stream = stack.enter_context(whole_file(path))
        kind = _kind(stream.read(544))
        stream.seek(0)
        file_map = kind.make_file_map()
        data = _voxels_beside(path) if "header" in file_map else path
        file_map["header" if data != path else "image"].fileobj = stream
        if data != path:
            file_map["image"].fileobj = stack.enter_context(whole_file(data))
        if "mat" in file_map:  # SPM's, of Analyze
            file_map["mat"].filename = os.fspath(path.with_suffix(".mat"))
        image: Any = kind.from_file_map(file_map)
        if int(image.header.get("intent_code", 0)) in _CIFTI_INTENTS:
            raise ScanError(
                f"{path}: is CIFTI, values at places on the cortex and in grey matter; expected a volume, such as the "
                "scan that it was made of."
            )
        check_size(path, image.shape, image.get_data_dtype().itemsize, data=data, compressed=is_gzip(data))
        yield image, (path,) if data == path else (path, data)


def _kind(head: bytes) -> Any:
    magic = head[4:8] if head[4:8] in (b"n+2\0", b"ni2\0") else head[344:348]
    nifti = {
        b"n+1\0": nib.nifti1.Nifti1Image,
        b"ni1\0": nib.nifti1.Nifti1Pair,
        b"n+2\0": nib.nifti2.Nifti2Image,
        b"ni2\0": nib.nifti2.Nifti2Pair,
    }
    found = nifti.get(magic) or next((kind for kind in _ANALYZE if kind.header_class.may_contain_header(head)), None)
    if found is None:
        raise ValueError("no header of NIfTI or Analyze")
    return found


def _voxels_beside(header: Path) -> Path:
    stem = header.name.removesuffix(".gz").rpartition(".")[0]
    beside = [header.with_name(f"{stem}{suffix}") for suffix in (".img", ".IMG", ".img.gz")]
    found = next((path for path in beside if path.is_file()), None)
    if found is None:
        raise ScanError(f"{header}: is a header without voxels, expected {beside[0].name} beside it; copy both files.")
    return found


def _orientation_notes(
    qform: NDArray[np.float64] | None, sform: NDArray[np.float64] | None, shape: tuple[int, int, int]
) -> list[str]:
    if qform is None and sform is None:
        return [
            "the header gives no orientation (qform and sform codes are 0): sides of the patient are "
            "unknown, nibabel's default orientation was taken"
        ]
    if qform is not None and sform is not None:
        corners = np.array([[i, j, k, 1] for i in (0, shape[0]) for j in (0, shape[1]) for k in (0, shape[2])])
        apart = float(np.linalg.norm(corners @ (qform - sform).T, axis=1).max())
        if apart > _AFFINE_TOLERANCE_MM:
            return [f"qform and sform lie up to {apart:.3g} units apart; the sform was taken"]
    return []
