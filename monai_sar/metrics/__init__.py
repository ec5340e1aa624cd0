"""Metrics of anomaly maps."""

from monai_sar.metrics.pixel_ranking import PixelAUROC, PixelAveragePrecision
from monai_sar.metrics.score_histogram import ScoreHistogram

__all__ = ["PixelAUROC", "PixelAveragePrecision", "ScoreHistogram"]
