"""Many scans: folders of BMAD, lists of scans, and whose they are."""

from monai_sar.datasets.bmad import DatasetError, find_bmad_layout, load_bmad_datalist
from monai_sar.datasets.scan_datalist import load_scan_datalist

__all__ = ["DatasetError", "find_bmad_layout", "load_bmad_datalist", "load_scan_datalist"]
