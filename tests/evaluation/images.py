"""Labelled anomaly maps of a few patients, single slices and volumes, as tensors."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from monai_sar.calibration.calibration import Calibration, Kind
from monai_sar.evaluation import Collected, PatientGroups, measure_scan
from monai_sar.metrics.patient_bootstrap import PatientBootstrap

SIZE = (40, 50)
SLICES = 4


@dataclass(frozen=True, eq=False)
class Labelled:
    """Of each scan: map, mask and region ``[1, H, W, D]``, whether it is abnormal, whose it is."""

    scores: list[Tensor]
    masks: list[Tensor]
    regions: list[Tensor]
    abnormal: NDArray[np.bool_]
    patients: PatientGroups
    voxel_ml: float | None = None
    unknown: tuple[int, ...] = ()
    """Numbers of the scans whose lesions nobody has outlined."""

    def collected(self, calibration: Calibration | None = None) -> Collected:
        thresholds = () if calibration is None else calibration.pixel_thresholds
        facts = [
            measure_scan(
                *scan,
                thresholds=thresholds,
                voxel_ml=self.voxel_ml,
                name=f"scan_{number}.nii",
                lesions_known=number not in self.unknown,
            )
            for number, scan in enumerate(zip(self.scores, self.masks, self.regions, strict=True))
        ]
        bootstrap = PatientBootstrap(self.patients.count, resamples=200)
        return Collected(facts, self.abnormal, self.patients, bootstrap, calibration)

    def only(self, abnormal: bool) -> "Labelled":
        chosen = np.flatnonzero(self.abnormal == abnormal)
        lists: dict[str, Any] = {
            name: [getattr(self, name)[index] for index in chosen] for name in ("scores", "masks", "regions")
        }
        number = np.unique(self.patients.of_scan[chosen], return_inverse=True)[1]
        return replace(self, **lists, abnormal=self.abnormal[chosen], patients=PatientGroups(number, 0))

    @property
    def pixels(self) -> tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.bool_]]:
        """Masks, scores and regions of all scans, ``[N, H, W, D]``."""
        mask, score, region = (torch.cat(each).numpy() for each in (self.masks, self.scores, self.regions))
        return mask != 0, score, region


def labelled(patients: int = 12, images: int = 4, *, seed: int = 0) -> Labelled:
    """Half of the images of each patient have lesions, some of which lie outside the region."""
    return _labelled(patients, images, (*SIZE, 1), seed=seed)


def labelled_volumes(patients: int = 6, scans: int = 2, *, seed: int = 0) -> Labelled:
    """The same in volumes, whose voxels have 2 µl."""
    return replace(_labelled(patients, scans, (*SIZE, SLICES), seed=seed), voxel_ml=0.002)


def _labelled(patients: int, images: int, shape: tuple[int, int, int], *, seed: int) -> Labelled:
    generator = np.random.default_rng(seed)
    region = np.broadcast_to((np.hypot(*np.mgrid[-20:20, -25:25]) < 20)[..., None], shape).copy()
    axes = (0, 1)
    scores, masks, abnormal = [], [], []
    for _ in range(patients):
        level = generator.normal(1, 0.1)
        for image in range(images):
            mask = np.zeros(shape, bool)
            if image % 2:
                mask = ndimage.gaussian_filter(generator.normal(size=shape), 3, axes=axes) > 0.18
            noise = ndimage.gaussian_filter(generator.normal(size=shape), 2, axes=axes) * 4
            scores.append(torch.from_numpy(np.exp(level * (noise + mask)).astype(np.float32))[None])
            masks.append(torch.from_numpy(mask.astype(np.uint8))[None])
            abnormal.append(bool(image % 2))
    whose = PatientGroups(np.repeat(np.arange(patients), images), 0)
    regions = [torch.from_numpy(region)[None]] * len(scores)
    return Labelled(scores, masks, regions, np.array(abnormal), whose)


def calibration(pixel: float = 1.7, scan: float = 3.0, kind: Kind = "slices") -> Calibration:
    """Made on forty patients of one scan each."""
    scores = np.linspace(1, 4, 40).tolist()
    return Calibration(
        rates=(0.05, 0.2),
        pixel_thresholds=(pixel, pixel / 2),
        scan_thresholds=(scan, scan / 2),
        scan_scores=tuple((score,) for score in scores),
        units=40,
        unit="patient",
        kind=kind,
        scans=40,
        digests=(),
        data_sha256="0" * 64,
    )
