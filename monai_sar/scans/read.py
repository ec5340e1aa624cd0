"""Read any scan: NIfTI, DICOM or image slices."""

import math
import os
from dataclasses import replace
from pathlib import Path

from monai_sar.scans.dicom_header import is_dicom
from monai_sar.scans.dicom_series import read_dicom
from monai_sar.scans.find import find_scans, visible_files
from monai_sar.scans.image_stack import Color, Spacing, is_slice_image, read_slices
from monai_sar.scans.nifti import is_nifti, read_nifti
from monai_sar.scans.scan import Scan, ScanError

__all__ = ["read_scan"]


def read_scan(
    path: str | os.PathLike[str],
    *,
    series_uid: str | None = None,
    spacing: Spacing | None = None,
    color: Color = "intensity",
    modality: str | None = None,
) -> Scan:
    """Read one scan with its geometry, or say in one sentence why not.

    Args:
        path: a NIfTI file; a DICOM file, or a folder of DICOM files (recognised by content); a PNG, JPEG or
            TIFF file, or a folder of such slices. A folder that holds none of them, but a single scan
            somewhere below, stands for that scan. In a folder with DICOM, files of other kinds are left out,
            with a note.
        series_uid: DICOM: the Series Instance UID to read, if there are several series.
        spacing: distances between columns, rows and slices in millimetres, for files that do not hold them:
            image slices (needed for a stack), and OPT without positions.
        color: how coloured image files are read, see :func:`monai_sar.scans.image_stack.read_slices`.
        modality: DICOM: the modality to read, if a folder holds series of several; no scan is refused for its own, see
            :func:`monai_sar.scans.check_modality`.

    Returns:
        The scan; its ``image`` is ``[1, X, Y, Z]`` with an affine to RAS millimetres.

    Raises:
        ScanError: if the scan cannot be read without guessing.

    Example:
        >>> scan = read_scan("brain.nii.gz")  # doctest: +SKIP
        >>> scan.image.shape, scan.image.pixdim, scan.slice_axis  # doctest: +SKIP
        (torch.Size([1, 208, 256, 26]), tensor([0.8984, 0.8984, 5.5000]), 2)
    """
    source = Path(path)
    if not source.exists():
        raise ScanError(f"{source}: does not exist; check the path.")
    if spacing is not None and not (len(spacing) == 3 and all(math.isfinite(s) and s > 0 for s in spacing)):
        raise ScanError(f"{source}: spacing is {spacing}, expected three lengths above 0 in millimetres.")
    if source.is_dir():
        return _read_folder(source, series_uid=series_uid, spacing=spacing, color=color, modality=modality)
    if is_nifti(source):
        _refuse_series_uid(source, series_uid)
        if spacing is not None:
            raise ScanError(f"{source}: a NIfTI file says its own spacing, so none can be given; leave spacing out.")
        return read_nifti(source)
    if is_slice_image(source):
        _refuse_series_uid(source, series_uid)
        return read_slices([source], source, spacing=spacing, color=color)
    if is_dicom(source):
        return read_dicom([source], source, series_uid=series_uid, spacing=spacing, modality=modality)
    raise ScanError(f"{source}: is not NIfTI (.nii, .nii.gz), DICOM, PNG, JPEG or TIFF; convert it to one of them.")


def _read_folder(
    folder: Path, *, series_uid: str | None, spacing: Spacing | None, color: Color, modality: str | None
) -> Scan:
    files = visible_files(folder)
    nifti = [file for file in files if is_nifti(file)]
    images = [file for file in files if is_slice_image(file)]
    others = [file for file in files if not (is_nifti(file) or is_slice_image(file))]
    dicom = [file for file in others if is_dicom(file)]
    if dicom:
        for file in others:
            _refuse_broken_dicom(file)
        scan = read_dicom(dicom, folder, series_uid=series_uid, spacing=spacing, modality=modality)
        ignored = len(files) - len(dicom)
        return replace(scan, notes=(*scan.notes, f"left out: {ignored} x file that is not DICOM")) if ignored else scan
    if len(nifti) > 1 or (nifti and images):
        raise ScanError(
            f"{folder}: holds {len(nifti)} NIfTI and {len(images)} image files, expected one scan; give one "
            "file, or a folder with the slices of one scan."
        )
    if nifti:
        return read_scan(nifti[0], series_uid=series_uid, spacing=spacing, color=color, modality=modality)
    if images:
        _refuse_series_uid(folder, series_uid)
        return read_slices(images, folder, spacing=spacing, color=color)
    below = find_scans([folder])
    if len(below) > 1:
        raise ScanError(
            f"{folder}: holds {len(below)} scans in its subfolders, expected one; give one, e.g. {below[0]}."
        )
    return read_scan(below[0], series_uid=series_uid, spacing=spacing, color=color, modality=modality)


def _refuse_broken_dicom(file: Path) -> None:
    """Refuse a file among DICOM files that is empty or not what its name says: a slice would be lost."""
    if file.stat().st_size == 0 or (file.suffix.lower() in (".dcm", ".ima") and not is_dicom(file)):
        raise ScanError(
            f"{file}: is {file.stat().st_size} bytes that are not DICOM, among DICOM files; copy it again, "
            "or remove it if it is no slice."
        )


def _refuse_series_uid(source: Path, series_uid: str | None) -> None:
    if series_uid is not None:
        raise ScanError(f"{source}: is not DICOM and has no series, so series_uid {series_uid} cannot be found in it.")
