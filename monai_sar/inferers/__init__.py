"""From a volume to the map of its anomalies, by way of slices; from a path to its result."""

from monai_sar.inferers.average_over_axes import average_over_axes
from monai_sar.inferers.scan_predictor import ScanPredictor
from monai_sar.inferers.volume_inferer import VolumeInferer

__all__ = ["ScanPredictor", "VolumeInferer", "average_over_axes"]
