"""Other anomaly detectors on the same stored ViT embeddings, written anew and small, for a fair comparison.

``single_gaussian`` is imported by itself: it needs MONAI, which anomalib's environment does not have.
"""

from benchmarks.rivals.anomaly_dino import AnomalyDINO
from benchmarks.rivals.dpmm import DPMM
from benchmarks.rivals.nearest_cosine import nearest_cosine
from benchmarks.rivals.patchcore import PatchCore
from benchmarks.rivals.rival import Rival
from benchmarks.rivals.smooth_map import smooth_map

__all__ = ["DPMM", "AnomalyDINO", "PatchCore", "Rival", "nearest_cosine", "smooth_map"]
