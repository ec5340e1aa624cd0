"""Any scan in: NIfTI, DICOM or image slices become one ``Scan``, or one clear sentence why not."""

from monai_sar.scans.find import find_scans
from monai_sar.scans.read import read_scan
from monai_sar.scans.scan import Scan, ScanError, check_modality
from monai_sar.scans.scan_origin import ScanOrigin

__all__ = ["Scan", "ScanError", "ScanOrigin", "check_modality", "find_scans", "read_scan"]
