"""How well the check of a scan against those that were calibrated on tells others, and how seldom it errs.

    python -m benchmarks.input_check DATA/data/volumes/brain_mri_lgg --encoder-weights vit_tiny_patch16_224_augreg.pth

Real FLAIR volumes, the same changed in known ways, and phantoms. Each is measured once, by the path of predictions but
without the AR network, which the check does not look at; then detectors are calibrated on many random draws of the
patients, and the others are checked.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from monai_sar.calibration import ScanTraits
from monai_sar.networks import AnomalyDetector, MeanEmbedding
from monai_sar.scans import ScanOrigin
from monai_sar.settings.bundle_config import read_bundle_config

BUNDLE = Path(__file__).resolve().parents[1] / "bundles" / "brain_mri_anomaly"

Volume = NDArray[np.float32]
Change = Callable[[Volume, NDArray[np.float64]], tuple[Volume, NDArray[np.float64]]]


def _resampled(*zoom: float) -> Change:
    """Voxels so many times as dense along each axis; the middle of the first voxel stays where it is."""

    def change(voxels: Volume, affine: NDArray[np.float64]) -> tuple[Volume, NDArray[np.float64]]:
        denser = ndimage.zoom(voxels, zoom, order=1, grid_mode=True, mode="nearest")
        return denser, affine @ np.diag([*(1 / np.array(zoom)), 1])

    return change


def _intensities(change: Callable[[Volume], Volume]) -> Change:
    return lambda voxels, affine: (change(voxels), affine)


def _inverted(voxels: Volume) -> Volume:
    top = float(np.percentile(voxels, 99.5))
    return np.where(voxels > 0.08 * top, np.clip(1.08 * top - voxels, 0, None), voxels)


def _gamma(power: float) -> Callable[[Volume], Volume]:
    return lambda voxels: 1000 * (voxels / voxels.max()) ** power


def _noisy(voxels: Volume) -> Volume:
    noise = np.random.default_rng(0).normal(0, 0.08 * np.percentile(voxels, 99.5), (2, *voxels.shape))
    return np.hypot(voxels + noise[0], noise[1]).astype(np.float32)  # Rician, as of a magnitude image


CHANGES: Mapping[str, Change] = {
    "half the spacing in plane": _resampled(2, 2, 1),
    "double the spacing in plane": _resampled(0.5, 0.5, 1),
    "slices half as far apart": _resampled(1, 1, 2),
    "slices twice as far apart": lambda voxels, affine: (voxels[..., ::2], affine @ np.diag([1, 1, 2, 1])),
    "the lower half of the head": lambda voxels, affine: (voxels[..., : voxels.shape[-1] // 2], affine),
    "contrast inverted": _intensities(_inverted),
    "gamma 0.5": _intensities(_gamma(0.5)),
    "gamma 1.5": _intensities(_gamma(1.5)),
    "blurred, 1.5 voxels": _intensities(lambda voxels: ndimage.gaussian_filter(voxels, (1.5, 1.5, 0))),
    "noise, 8 % of the signal": _intensities(_noisy),
}


class Measure:
    """Measures scans as predictions do."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        parser = read_bundle_config(BUNDLE, "inference", parts=["network", "preprocessing"], overrides=settings)
        self.detector: AnomalyDetector = parser.get_parsed_content("network").eval()
        self.preprocessing = parser.get_parsed_content("preprocessing")
        self.inferer = parser.get_parsed_content("inferer")

    def __call__(self, path: Path) -> ScanTraits:
        item = self.preprocessing({"image": str(path)})
        with torch.no_grad(), MeanEmbedding(self.detector.encoder) as seen:
            self.inferer(item["image"][None], self._encode)
        return ScanTraits.of(item["image"], item["region"], ScanOrigin.of(item["image"]), embedding=seen.value)

    def _encode(self, images: Tensor) -> Tensor:
        self.detector.embed(images)
        return torch.zeros_like(images[:, :1])
