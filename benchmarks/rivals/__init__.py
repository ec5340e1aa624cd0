"""Other anomaly detectors on the same stored ViT embeddings, written anew and small, for a fair comparison."""

from benchmarks.rivals.anomaly_dino import AnomalyDINO
from benchmarks.rivals.dpmm import DPMM
from benchmarks.rivals.nearest_cosine import nearest_cosine
from benchmarks.rivals.patchcore import PatchCore
from benchmarks.rivals.rival import Rival
from benchmarks.rivals.single_gaussian import SingleGaussian
from benchmarks.rivals.smooth_map import smooth_map

__all__ = ["DPMM", "AnomalyDINO", "PatchCore", "Rival", "SingleGaussian", "nearest_cosine", "smooth_map"]
