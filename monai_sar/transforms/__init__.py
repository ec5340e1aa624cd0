"""MONAI transforms: files to slices and scans, intensities to [0, 1], slices to display, noise to features."""

from monai_sar.transforms.alignment_margins import AlignmentMargins, FillAlignmentMarginsd
from monai_sar.transforms.by_kind import ByKindd
from monai_sar.transforms.field_of_view import FieldOfView, FieldOfViewd
from monai_sar.transforms.load_scan import LoadScan, LoadScand
from monai_sar.transforms.load_scan_mask import EmptyMaskd, LoadScanMaskd
from monai_sar.transforms.mri_intensity import MRIIntensity, MRIIntensityd
from monai_sar.transforms.orient_slices import OrientDrawnd, OrientSlices, OrientSlicesd
from monai_sar.transforms.rand_feature_noise import RandFeatureNoise
from monai_sar.transforms.region import BodyRegion, CutOutd, ForegroundRegion, RegionMaskd
from monai_sar.transforms.stored_intensity import StoredIntensityd
from monai_sar.transforms.window_intensity import WindowIntensityd

__all__ = [
    "AlignmentMargins",
    "BodyRegion",
    "ByKindd",
    "CutOutd",
    "EmptyMaskd",
    "FieldOfView",
    "FieldOfViewd",
    "FillAlignmentMarginsd",
    "ForegroundRegion",
    "LoadScan",
    "LoadScanMaskd",
    "LoadScand",
    "MRIIntensity",
    "MRIIntensityd",
    "OrientDrawnd",
    "OrientSlices",
    "OrientSlicesd",
    "RandFeatureNoise",
    "RegionMaskd",
    "StoredIntensityd",
    "WindowIntensityd",
]
