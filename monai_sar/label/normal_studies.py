"""Which studies are marked normal, and whose they are."""

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import SimpleITK as sitk  # noqa: N813 (its users' own name for it)
from monailabel.interfaces.datastore import Datastore, DefaultLabelTag

from monai_sar.label.study_scan import StudyScan, scan_of

__all__ = ["NORMAL", "NormalStudy", "marked_normal", "normal_studies"]

NORMAL = "normal"
"""Key of an image's info: true or false, as a radiologist has said."""

PATIENT_KEYS = ("patient", "PatientID")
"""Keys of an image's info that tell whose it is; MONAI Label fills in the second for DICOM."""


@dataclass(frozen=True)
class NormalStudy:
    """A study to learn from.

    Attributes:
        scan: where it lies.
        name: hash of its name in the datastore, which may be that of a patient.
        patient: hash of the patient, or of the study where the patient is not known.
    """

    scan: StudyScan
    name: str
    patient: str


def marked_normal(datastore: Datastore, study: str) -> bool:
    """Tell whether a study is marked normal: by ``normal`` in its info, or else by a final label that marks nothing."""
    info = datastore.get_image_info(study)
    if NORMAL in info:
        return info[NORMAL] is True
    label = datastore.get_label_by_image_id(study, DefaultLabelTag.FINAL)
    if not label:
        return False
    file = datastore.get_label_uri(label, DefaultLabelTag.FINAL)
    return not np.any(sitk.GetArrayFromImage(sitk.ReadImage(file)))


def normal_studies(datastore: Datastore) -> list[NormalStudy]:
    """The studies that are marked normal, in an order that has nothing to do with their names."""
    studies = []
    for study in datastore.list_images():
        if marked_normal(datastore, study):
            info = datastore.get_image_info(study)
            patient = next((str(info[key]) for key in PATIENT_KEYS if info.get(key)), study)
            studies.append(NormalStudy(scan_of(datastore, study), _hash(study), _hash(patient)))
    return sorted(studies, key=lambda each: (each.patient, each.name))


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
