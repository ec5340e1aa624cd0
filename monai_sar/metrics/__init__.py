"""Metrics of anomaly maps."""

from monai_sar.metrics.anomaly_score import top_mean
from monai_sar.metrics.per_region_overlap import PixelAUPRO
from monai_sar.metrics.pixel_ranking import PixelAUROC, PixelAveragePrecision
from monai_sar.metrics.region_output import InsideRegion, KnownLesions
from monai_sar.metrics.score_histogram import ScoreHistogram

__all__ = [
    "InsideRegion",
    "KnownLesions",
    "PixelAUPRO",
    "PixelAUROC",
    "PixelAveragePrecision",
    "ScoreHistogram",
    "top_mean",
]
