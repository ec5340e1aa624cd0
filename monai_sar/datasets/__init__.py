"""Many scans: folders of BMAD, lists of scans, and whose they are."""

from monai_sar.datasets.bmad import DatasetError, find_bmad_layout, load_bmad_datalist
from monai_sar.datasets.data_set import load_data_set
from monai_sar.datasets.data_set_item import DataSetItem
from monai_sar.datasets.normal_scans import load_normal_scans
from monai_sar.datasets.scan_datalist import load_scan_datalist

__all__ = [
    "DataSetItem",
    "DatasetError",
    "find_bmad_layout",
    "load_bmad_datalist",
    "load_data_set",
    "load_normal_scans",
    "load_scan_datalist",
]
