"""Detectors as files that run without this package: TorchScript and ONNX."""

from monai_sar.export.export_part import PARTS, ExportPart
from monai_sar.export.exporter import FORMATS, ExportError, ExportReport, export_detector
from monai_sar.export.metadata import METADATA_KEY, export_metadata

__all__ = [
    "FORMATS",
    "METADATA_KEY",
    "PARTS",
    "ExportError",
    "ExportPart",
    "ExportReport",
    "export_detector",
    "export_metadata",
]
