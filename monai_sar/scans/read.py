"""Read any scan: a volume, DICOM or image slices."""

import math
import os
from dataclasses import replace
from pathlib import Path

from monai_sar.scans.dicom_series import read_dicom
from monai_sar.scans.file_format import VOLUME_FORMATS, FileFormat, file_format, header_of
from monai_sar.scans.find import FORMATS, find_scans, visible_files
from monai_sar.scans.image_stack import Color, Spacing, read_slices
from monai_sar.scans.read_volume import read_volume
from monai_sar.scans.scan import Scan, ScanError

__all__ = ["read_scan"]


def read_scan(
    path: str | os.PathLike[str],
    *,
    series_uid: str | None = None,
    spacing: Spacing | None = None,
    color: Color = "intensity",
    modality: str | None = None,
    volume: int | None = None,
) -> Scan:
    """Read one scan with its geometry, or say in one sentence why not.

    Args:
        path: a file in NIfTI, NRRD, MetaImage or FreeSurfer's MGH, or the header of such a pair; a DICOM file, or a
            folder of DICOM files; a PNG, JPEG, TIFF or BMP file, or a folder of such slices; all told by their content.
            A folder that holds none of them, but a single scan somewhere below, stands for that scan. In a folder
            with DICOM, files of other kinds are left out, with a note.
        series_uid: DICOM: the Series Instance UID to read, if there are several series.
        spacing: distances between columns, rows and slices in millimetres, for files that do not hold them:
            image slices (needed for a stack), and OPT without positions.
        color: how coloured image files are read, see :func:`monai_sar.scans.image_stack.read_slices`.
        modality: DICOM: the modality to read, if a folder holds series of several; no scan is refused for its own, see
            :func:`monai_sar.scans.check_modality`.
        volume: NIfTI, NRRD, MetaImage and MGH: which volume to read, if a file holds several; counted from 0.

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
        return _read_folder(
            source, series_uid=series_uid, spacing=spacing, color=color, modality=modality, volume=volume
        )
    kind = file_format(source)
    if kind in ("dicom", "image"):
        _refuse_volume(source, volume)
    if kind == "dicom":
        return read_dicom([source], source, series_uid=series_uid, spacing=spacing, modality=modality)
    _refuse_series_uid(source, series_uid)
    if kind == "image":
        return read_slices([source], source, spacing=spacing, color=color)
    if kind is None and (header := header_of(source)) is not None:
        return read_scan(header, spacing=spacing, color=color, volume=volume)
    if kind is None:
        raise ScanError(f"{source}: is not {FORMATS}; convert it to one of them.")
    if spacing is not None:
        raise ScanError(f"{source}: says its own spacing, so none can be given; leave spacing out.")
    return read_volume(source, volume)


def _read_folder(
    folder: Path,
    *,
    series_uid: str | None,
    spacing: Spacing | None,
    color: Color,
    modality: str | None,
    volume: int | None,
) -> Scan:
    files = visible_files(folder)
    formats = {file: file_format(file) for file in files}
    images = [file for file, kind in formats.items() if kind == "image"]
    dicom = [file for file, kind in formats.items() if kind == "dicom"]
    volumes = [file for file, kind in formats.items() if kind in VOLUME_FORMATS]
    if dicom or (images and not volumes):
        _refuse_volume(folder, volume)
    if dicom:
        for file, kind in formats.items():
            _refuse_broken_dicom(file, kind)
        scan = read_dicom(dicom, folder, series_uid=series_uid, spacing=spacing, modality=modality)
        ignored = len(files) - len(dicom)
        return replace(scan, notes=(*scan.notes, f"left out: {ignored} x file that is not DICOM")) if ignored else scan
    if len(volumes) > 1 or (volumes and images):
        raise ScanError(
            f"{folder}: holds {len(volumes)} volumes and {len(images)} image files, expected one scan; give one "
            "file, or a folder with the slices of one scan."
        )
    if volumes:
        return read_scan(
            volumes[0], series_uid=series_uid, spacing=spacing, color=color, modality=modality, volume=volume
        )
    if images:
        _refuse_series_uid(folder, series_uid)
        return read_slices(images, folder, spacing=spacing, color=color)
    below = find_scans([folder])
    if len(below) > 1:
        raise ScanError(
            f"{folder}: holds {len(below)} scans in its subfolders, expected one; give one, e.g. {below[0]}."
        )
    return read_scan(below[0], series_uid=series_uid, spacing=spacing, color=color, modality=modality, volume=volume)


def _refuse_broken_dicom(file: Path, kind: FileFormat | None) -> None:
    """Refuse a file among DICOM files that is empty or not what its name says: a slice would be lost."""
    if kind is None and (file.stat().st_size == 0 or file.suffix.lower() in (".dcm", ".ima")):
        raise ScanError(
            f"{file}: is {file.stat().st_size} bytes that are not DICOM, among DICOM files; copy it again, "
            "or remove it if it is no slice."
        )


def _refuse_volume(source: Path, volume: int | None) -> None:
    if volume is not None:
        raise ScanError(
            f"{source}: is no NIfTI, NRRD, MetaImage or MGH file, so volume {volume} cannot be found in it. Of DICOM "
            "with several volumes write NIfTI first, e.g. with dcm2niix; of others leave volume out."
        )


def _refuse_series_uid(source: Path, series_uid: str | None) -> None:
    if series_uid is not None:
        raise ScanError(f"{source}: is not DICOM and has no series, so series_uid {series_uid} cannot be found in it.")
