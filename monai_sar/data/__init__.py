"""What lies on disk, as lists of dictionaries and as embeddings."""

from monai_sar.data.bmad import DatasetError, find_bmad_layout, load_bmad_datalist
from monai_sar.data.feature_dataset import FeatureDataset
from monai_sar.data.scan_datalist import load_scan_datalist

__all__ = ["DatasetError", "FeatureDataset", "find_bmad_layout", "load_bmad_datalist", "load_scan_datalist"]
