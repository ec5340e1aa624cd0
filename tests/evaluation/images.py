"""Labelled anomaly maps of a few patients, as tensors."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from monai_sar.calibration.calibration import Calibration
from monai_sar.evaluation import Collected, PatientGroups, measure_image
from monai_sar.metrics.patient_bootstrap import PatientBootstrap

SIZE = (40, 50)


@dataclass(frozen=True, eq=False)
class Labelled:
    """Of each image: map, mask and region ``[1, H, W]``, whether it is abnormal, whose it is."""

    scores: list[Tensor]
    masks: list[Tensor]
    regions: list[Tensor]
    abnormal: NDArray[np.bool_]
    patients: PatientGroups

    def collected(self, calibration: Calibration | None = None) -> Collected:
        thresholds = () if calibration is None else calibration.pixel_thresholds
        facts = [
            measure_image(*image, thresholds=thresholds)
            for image in zip(self.scores, self.masks, self.regions, strict=True)
        ]
        bootstrap = PatientBootstrap(self.patients.count, resamples=200)
        return Collected(facts, self.abnormal, self.patients, bootstrap, calibration)

    def only(self, abnormal: bool) -> "Labelled":
        chosen = np.flatnonzero(self.abnormal == abnormal)
        lists = {name: [getattr(self, name)[index] for index in chosen] for name in ("scores", "masks", "regions")}
        number = np.unique(self.patients.of_image[chosen], return_inverse=True)[1]
        return replace(self, **lists, abnormal=self.abnormal[chosen], patients=PatientGroups(number, 0))

    @property
    def pixels(self) -> tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.bool_]]:
        """Masks, scores and regions of all images, ``[N, H, W]``."""
        mask, score, region = (torch.cat(each).numpy() for each in (self.masks, self.scores, self.regions))
        return mask != 0, score, region


def labelled(patients: int = 12, images: int = 4, *, seed: int = 0) -> Labelled:
    """Half of the images of each patient have lesions, some of which lie outside the region."""
    generator = np.random.default_rng(seed)
    region = np.hypot(*np.mgrid[-20:20, -25:25]) < 20
    scores, masks, abnormal = [], [], []
    for _ in range(patients):
        level = generator.normal(1, 0.1)
        for image in range(images):
            mask = ndimage.gaussian_filter(generator.normal(size=SIZE), 3) > 0.18 if image % 2 else np.zeros(SIZE, bool)
            noise = ndimage.gaussian_filter(generator.normal(size=SIZE), 2) * 4
            scores.append(torch.from_numpy(np.exp(level * (noise + mask)).astype(np.float32))[None])
            masks.append(torch.from_numpy(mask.astype(np.uint8))[None])
            abnormal.append(bool(image % 2))
    whose = PatientGroups(np.repeat(np.arange(patients), images), 0)
    regions = [torch.from_numpy(region)[None]] * len(scores)
    return Labelled(scores, masks, regions, np.array(abnormal), whose)


def calibration(pixel: float = 1.7, image: float = 3.0) -> Calibration:
    """Made on forty patients of one image each."""
    scores = tuple(np.linspace(1, 4, 40).tolist())
    return Calibration(
        rates=(0.05, 0.2),
        pixel_thresholds=(pixel, pixel / 2),
        scan_thresholds=(image, image / 2),
        image_thresholds=(image, image / 2),
        scan_scores=scores,
        image_scores=tuple((score,) for score in scores),
        unit="patient",
        images=40,
        data_sha256="0" * 64,
    )
