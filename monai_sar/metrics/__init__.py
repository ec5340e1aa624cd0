"""Metrics of anomaly maps."""

from monai_sar.metrics.anomaly_score import top_mean
from monai_sar.metrics.per_region_overlap import PixelAUPRO
from monai_sar.metrics.pixel_ranking import PixelAUROC, PixelAveragePrecision
from monai_sar.metrics.region_output import InsideRegion
from monai_sar.metrics.score_histogram import ScoreHistogram

__all__ = ["InsideRegion", "PixelAUPRO", "PixelAUROC", "PixelAveragePrecision", "ScoreHistogram", "top_mean"]
