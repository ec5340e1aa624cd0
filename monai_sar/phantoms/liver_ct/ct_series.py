"""A phantom as a DICOM series: one CT Image Storage file per slice."""

import hashlib
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from monai_sar._atomic import atomic_path
from monai_sar.phantoms.liver_ct.subject import SPACING, LiverPhantom

__all__ = ["write_ct_series"]

INTERCEPT = -1024  # HU of a stored 0
DATE, TIME = "20250101", "120000"  # fixed, so that the same phantom is the same bytes


def write_ct_series(phantom: LiverPhantom, folder: Path, subject: int) -> None:
    """Write ``IM0001.dcm`` and so on, from superior to inferior, in explicit VR little endian.

    The attributes are those of the CT Image IOD (PS3.3 A.3). Unique identifiers are made from the number of the
    subject and its pixels, so the same phantom always has the same ones.

    Args:
        phantom: what is written.
        folder: where to; created if it is missing.
        subject: its number, for the Patient ID.
    """
    stored = (np.round(phantom.image) - INTERCEPT).astype("<i2")
    entropy = [str(subject), hashlib.sha256(stored.tobytes()).hexdigest()]
    header = _header(subject, entropy)
    header.Rows, header.Columns = stored.shape[:2]
    to_lps = np.array([-1, -1, 1])
    for number, k in enumerate(reversed(range(stored.shape[2])), start=1):
        header.SOPInstanceUID = generate_uid(entropy_srcs=[*entropy, "image", str(number)])
        header.InstanceNumber = number
        header.ImagePositionPatient = [f"{mm:.6g}" for mm in to_lps * (phantom.affine @ (0, 0, k, 1))[:3]]
        header.PixelData = stored[:, :, k].tobytes()
        header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
        with atomic_path(folder / f"IM{number:04d}.dcm") as temporary:
            dcmwrite(temporary, header, enforce_file_format=True)


def _header(subject: int, entropy: list[str]) -> Dataset:
    """What all slices share."""
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID = CTImageStorage

    header.PatientName, header.PatientID = "PHANTOM^LIVER", f"phantom_{subject:04d}"
    header.PatientBirthDate = ""
    header.PatientSex, header.PatientAge = "FM"[subject % 2], f"{35 + 7 * subject % 50:03d}Y"

    header.StudyInstanceUID = generate_uid(entropy_srcs=[*entropy, "study"])
    header.SeriesInstanceUID = generate_uid(entropy_srcs=[*entropy, "series"])
    header.FrameOfReferenceUID = generate_uid(entropy_srcs=[*entropy, "frame of reference"])
    header.StudyID = header.SeriesNumber = header.AcquisitionNumber = "1"
    header.StudyDate = header.SeriesDate = header.AcquisitionDate = header.ContentDate = DATE
    header.StudyTime = header.SeriesTime = header.AcquisitionTime = header.ContentTime = TIME
    header.AccessionNumber = header.ReferringPhysicianName = header.PositionReferenceIndicator = ""
    header.StudyDescription, header.SeriesDescription = "Synthetic phantom", "Portal venous, synthetic"
    header.Modality, header.Manufacturer, header.ManufacturerModelName = "CT", "MONAI-SAR", "Liver phantom"
    header.BodyPartExamined, header.PatientPosition = "ABDOMEN", "HFS"
    header.ContrastBolusAgent, header.KVP = "synthetic", "120"
    header.QualityControlImage, header.BurnedInAnnotation = "YES", "NO"  # yes: an image of a phantom

    header.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]  # columns to the left, rows to posterior
    header.PixelSpacing, header.SliceThickness = list(SPACING[:2]), SPACING[2]
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 16, 15, 1
    header.RescaleIntercept, header.RescaleSlope, header.RescaleType = INTERCEPT, 1, "HU"
    header.WindowCenter, header.WindowWidth = 75, 400
    return header
