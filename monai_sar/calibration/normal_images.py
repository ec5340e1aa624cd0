"""Score normal images with a detector, patient by patient."""

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm import tqdm

from monai_sar.calibration.conformal import ScoreCalibrationError
from monai_sar.metrics.anomaly_score import top_mean

if TYPE_CHECKING:
    from monai_sar.networks.anomaly_detector import AnomalyDetector

__all__ = ["LEVELS", "PatientScores", "by_patient", "score_patients"]

_logger = logging.getLogger(__name__)

LEVELS = 10_000
"""As how many equal parts the pixel scores of a patient are kept."""


@dataclass(frozen=True, eq=False)
class PatientScores:
    """What a detector says of one normal patient.

    Attributes:
        pixels: scores in the region of all images, as :func:`upper_levels` keeps them.
        scan: score over all images together.
        images: score of each image.
        digests: one per image, of what the detector saw.
    """

    pixels: npt.NDArray[np.float32]
    scan: float
    images: tuple[float, ...]
    digests: tuple[bytes, ...]


def by_patient(patients: Sequence[str | None]) -> list[list[int]]:
    """Group images by patient: indices; an image of an unknown patient is a group of its own."""
    groups: dict[str | int, list[int]] = {}
    for index, patient in enumerate(patients):
        groups.setdefault(index if patient is None else patient, []).append(index)
    return list(groups.values())


def score_patients(
    detector: "AnomalyDetector",
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
    with tqdm(total=sum(map(len, groups)), desc="Calibrating", unit="image", leave=False) as progress:
        for group in groups:
            scores, digests = [], []
            for index in group:
                item = items[index]
                inside = _scores_inside(detector, item, amp=amp)
                if inside.numel():
                    scores.append(inside)
                    digests.append(_digest(item))
                progress.update()
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


def upper_levels(scores: npt.NDArray[np.float32], levels: int = LEVELS) -> npt.NDArray[np.float32]:
    """Keep any number of scores as at most so many, equally many of which stand for each.

    The share above any threshold never comes out smaller than it is, and by less than ``1 / levels`` larger.

    Args:
        scores: ``[N]``.
        levels: how many to keep.

    Returns:
        The scores of ranks ``ceil(j * N / levels)``, ascending; all of them, if they are no more than ``levels``.

    Raises:
        ScoreCalibrationError: a score is NaN or infinite.
    """
    if not np.isfinite(scores).all():
        raise ScoreCalibrationError("The anomaly map of a normal image holds NaN or infinite scores. Check the model.")
    ascending = np.sort(scores)
    kept = min(levels, ascending.size)
    ranks = -(-np.arange(1, kept + 1) * ascending.size // kept)  # rounded up
    return ascending[ranks - 1]


def _scores_inside(detector: "AnomalyDetector", item: Mapping[str, Any], *, amp: bool) -> Tensor:
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
