"""Any scan in: NIfTI, DICOM or image slices become one ``Scan``, or one clear sentence why not."""

from monai_sar.data.scans.find import find_scans
from monai_sar.data.scans.read import read_scan
from monai_sar.data.scans.scan import Scan, ScanError, check_modality

__all__ = ["Scan", "ScanError", "check_modality", "find_scans", "read_scan"]
