"""What MONAI's engines and handlers do not have."""

from monai_sar.engines.metrics_file import MetricsFile
from monai_sar.engines.prepare_features import PrepareFeatures
from monai_sar.engines.training_curve import TrainingCurve

__all__ = ["MetricsFile", "PrepareFeatures", "TrainingCurve"]
