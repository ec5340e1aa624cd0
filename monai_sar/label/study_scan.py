"""Where the scan of a study lies, and the mask of what is to be scored in it."""

import os
from dataclasses import dataclass
from pathlib import Path

from monailabel.interfaces.datastore import Datastore

from monai_sar.label.result_file import NIFTI

__all__ = ["REGION", "StudyScan", "scan_at", "scan_of"]

REGION = "region"
"""Tag of a label that is not 0 where a study is to be scored, such as in the liver."""


@dataclass(frozen=True)
class StudyScan:
    """What is read of a study.

    Attributes:
        path: NIfTI file, image, or DICOM folder.
        region: a volume on its grid that is not 0 where to score; None: the bundle finds the region.
    """

    path: Path
    region: Path | None = None


def scan_of(datastore: Datastore, study: str) -> StudyScan:
    """The scan of a study of the datastore; a DICOM series is fetched, if it is not there yet."""
    label = datastore.get_label_by_image_id(study, REGION)
    region = Path(datastore.get_label_uri(label, REGION)) if label else None
    return StudyScan(scan_at(datastore.get_image_uri(study)).path, region)


def scan_at(image: str | os.PathLike[str]) -> StudyScan:
    """The scan at a path; of a NIfTI file that MONAI Label has made of a DICOM series, the folder of that series.

    The DICOM files themselves are read, because the conversion stacks whatever slices there are, without a word where
    one is missing; and because a DICOM result has to refer to them.
    """
    path = Path(image)
    folder = path.with_name(path.name.removesuffix(NIFTI))
    return StudyScan(folder if folder != path and folder.is_dir() else path)
