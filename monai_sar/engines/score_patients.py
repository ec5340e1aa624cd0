"""Score normal images with a detector, patient by patient."""

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from monai_sar._progress import progress_bar
from monai_sar.calibration.conformal import ScoreCalibrationError
from monai_sar.calibration.patient_scores import PatientScores, upper_levels
from monai_sar.metrics.anomaly_score import top_mean
from monai_sar.networks.anomaly_detector import AnomalyDetector

__all__ = ["score_patients"]

_logger = logging.getLogger(__name__)


def score_patients(
    detector: AnomalyDetector,
    items: Sequence[Mapping[str, Any]],
    groups: Sequence[Sequence[int]],
    *,
    fraction: float,
    amp: bool = False,
) -> Iterator[PatientScores]:
    """Score images, one patient at a time: memory holds the maps of one patient.

    Images whose region is empty show nothing to score; they are left out, with a warning.

    Args:
        detector: in eval mode.
        items: ``image`` ``[1 or 3, H, W]`` in [0, 1] and ``region`` ``[1, H, W]``; each is asked for once.
        groups: indices of the images of each patient.
        fraction: of the highest scores, whose mean is the score; see :func:`monai_sar.metrics.top_mean`.
        amp: mixed precision.

    Raises:
        ValueError: a score is NaN or infinite.
    """
    empty = 0
    with progress_bar(task="Calibrating", unit="image", total=sum(map(len, groups))) as bar:
        for group in groups:
            scores, digests = [], []
            for index in group:
                item = items[index]
                inside = _scores_inside(detector, item, amp=amp)
                if inside.numel():
                    scores.append(inside)
                    digests.append(_digest(item))
                bar.update()
            empty += len(group) - len(scores)
            if scores:
                pooled = torch.cat(scores)
                yield PatientScores(
                    pixels=upper_levels(pooled.numpy()),
                    scan=top_mean(pooled, fraction),
                    images=tuple(top_mean(each, fraction) for each in scores),
                    digests=tuple(digests),
                )
    if empty:
        _logger.warning("Left out %d images whose region is empty: there is nothing to score in them", empty)


def _scores_inside(detector: AnomalyDetector, item: Mapping[str, Any], *, amp: bool) -> Tensor:
    """The scores in the region of one image: ``[n]``, float32, on the CPU."""
    region = _plain(item["region"]) != 0
    if not region.any():
        return torch.empty(0)
    device = detector.encoder.mean.device
    with torch.no_grad(), torch.autocast(device.type, enabled=amp):
        scores = detector(_plain(item["image"])[None].to(device))[0].float().cpu()
    if scores.shape != region.shape:
        raise ScoreCalibrationError(f"Found a region of shape {tuple(region.shape)}; expected {tuple(scores.shape)}.")
    inside: Tensor = scores[region]
    return inside


def _digest(item: Mapping[str, Any]) -> bytes:
    """Tell the image and region that a detector saw from any other."""
    image = _plain(item["image"]).float().contiguous().numpy()
    region = np.packbits((_plain(item["region"]) != 0).numpy())
    return hashlib.sha256(repr(image.shape).encode() + image.tobytes() + region.tobytes()).digest()


def _plain(values: Any) -> Tensor:
    return torch.as_tensor(values).as_subclass(Tensor).cpu()
