"""Which patient a scan in a folder is of, told by whatever says it best.

In this order: ``manifest.csv``; the PatientID of DICOM; a known naming of files; one folder per patient; the name
before the suffix of the image. Two scans are of one patient if the same thing tells the same text.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from monai_sar.datasets.patients import MANIFEST, find_naming, patients_of
from monai_sar.scans.dicom_header import read_dataset
from monai_sar.scans.file_format import file_format
from monai_sar.scans.find import visible_files

__all__ = ["NOTHING", "ToldPatient", "tell_patients"]

NOTHING = "nothing, so each scan counts as a patient of its own"
"""What tells the patient of a scan where all else fails."""


@dataclass(frozen=True)
class ToldPatient:
    """The patient of one scan.

    Attributes:
        key: the same for all scans of a patient. It may hold an identifier: it is compared, never written.
        told_by: what told it, in words.
    """

    key: tuple[str, str]
    told_by: str


def tell_patients(
    scans: Sequence[Path], folder: Path, *, image_suffix: str | None = None
) -> Mapping[Path, ToldPatient]:
    """Say whose scan each one is.

    Args:
        scans: files, and folders of a series, below ``folder``.
        folder: where ``manifest.csv`` may lie.
        image_suffix: how the names of the scans end.

    Raises:
        DatasetError: the manifest cannot be used.
        ScanError: a DICOM file is damaged.
    """
    if (folder / MANIFEST).is_file():
        listed = patients_of(folder, scans)
        return {
            scan: _own(scan) if patient is None else ToldPatient(("manifest", patient), MANIFEST)
            for scan, patient in listed.items()
        }
    top = Path(os.path.commonpath([scan.parent for scan in scans]))
    folders = {scan: scan.relative_to(top).parts[0] for scan in scans if len(scan.relative_to(top).parts) > 1}
    return {scan: _tell(scan, folders.get(scan), image_suffix) for scan in scans}


def _tell(scan: Path, folder: str | None, image_suffix: str | None) -> ToldPatient:
    if identifier := _patient_id(scan):
        return ToldPatient(("DICOM", identifier), "DICOM PatientID")
    if (naming := find_naming(scan)) is not None:
        return ToldPatient(("name", str(naming.patient_of(scan))), f"file names ({naming.title})")
    if folder is not None:
        return ToldPatient(("folder", folder), "one folder per patient")
    if image_suffix is not None:
        return ToldPatient(("before", scan.name.removesuffix(image_suffix)), f"the name before {image_suffix}")
    return _own(scan)


def _own(scan: Path) -> ToldPatient:
    return ToldPatient(("scan", os.fspath(scan)), NOTHING)


def _patient_id(scan: Path) -> str:
    """Return the PatientID (0010,0020) of a DICOM scan; empty where there is none."""
    files = visible_files(scan) if scan.is_dir() else [scan]
    first = next((file for file in files if file_format(file) == "dicom"), None)
    if first is None:
        return ""
    return str(read_dataset(first, ["PatientID"], stop_before_pixels=True).get("PatientID") or "").strip()
