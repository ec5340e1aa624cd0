"""What is in a data set and what is wrong with it, from its files: layout, images, masks, patients, leakage."""

from monai_sar.datasets.inspection.finding import Finding
from monai_sar.datasets.inspection.inspect_bmad import Inspection, inspect_bmad
from monai_sar.datasets.inspection.inspect_scans import ScanInspection, ScanPlaceSummary, holds_scans, inspect_scans
from monai_sar.datasets.inspection.place_summary import PlaceSummary

__all__ = [
    "Finding",
    "Inspection",
    "PlaceSummary",
    "ScanInspection",
    "ScanPlaceSummary",
    "holds_scans",
    "inspect_bmad",
    "inspect_scans",
]
