"""Score normal scans with a detector, patient by patient."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from monai_sar._progress import progress_bar
from monai_sar.calibration.calibration import DIGEST
from monai_sar.calibration.conformal import ScoreCalibrationError
from monai_sar.calibration.patient_scores import PatientScores, upper_levels
from monai_sar.calibration.scan_traits import ScanTraits
from monai_sar.features.slice_choice import normal_slices
from monai_sar.metrics.anomaly_score import TOP_FRACTION, top_mean
from monai_sar.networks.anomaly_detector import AnomalyDetector
from monai_sar.networks.mean_embedding import MeanEmbedding
from monai_sar.networks.mixed_precision import use_mixed_precision
from monai_sar.scans.common_notes import CommonNotes
from monai_sar.scans.plain_tensor import plain_tensor
from monai_sar.scans.scan_origin import ScanOrigin, source_name

__all__ = ["score_patients"]

_logger = logging.getLogger(__name__)

_REACH = 2.0
"""Standard deviations of the smoothing across slices, beyond which a lesion moves the scores no more (2.3 %)."""


def score_patients(
    detector: AnomalyDetector,
    items: Sequence[Mapping[str, Any]],
    groups: Sequence[Sequence[int]],
    *,
    inferer: Callable[..., Tensor],
    lesion_margin: float = 0.0,
    amp: bool = False,
) -> Iterator[PatientScores]:
    """Score scans as predictions do, one patient at a time: memory holds the maps of one patient.

    Of a scan whose ``label`` marks a lesion, the voxels of slices without lesion count that are so far from it that
    smoothing across slices does not bring its scores there, and the scan has no score.
    Scans in which nothing is left to score are left out, with a warning; so are scans that the detector was trained on.
    What the notes of scans say, such as that no mask of the organ was given, is told once.

    Args:
        detector: in eval mode.
        items: prepared scans, each asked for once: ``image`` ``[1 or 3, H, W, D]`` in [0, 1], ``region``
            ``[1, H, W, D]`` and perhaps ``label`` likewise.
        groups: indices of the scans of each patient.
        inferer: slices -> maps, that of predictions.
        lesion_margin: mm beside a slice with lesion whose slices are not normal either.
        amp: mixed precision, where that is of use; see :func:`monai_sar.networks.use_mixed_precision`.

    Raises:
        ScoreCalibrationError: a score is NaN or infinite, or the scans are not of one kind.
    """
    amp = use_mixed_precision(amp, detector.encoder.mean.device)
    empty = learnt = 0
    notes = CommonNotes("to calibrate on")
    with progress_bar(task="Calibrating", unit="scan", total=sum(map(len, groups))) as progress:
        for group in groups:
            scored = []
            for index in group:
                # nothing but what is looked at: a bundle keeps pictures in an item, too
                item = {key: value for key, value in items[index].items() if key in ("image", "region", "label")}
                origin = ScanOrigin.of(item["image"])
                if origin.sha256[:DIGEST] in detector.trained_on:
                    learnt += 1
                    progress.update()
                    continue
                notes.add(item["image"])
                each = _score(detector, item, origin, inferer, lesion_margin=lesion_margin, amp=amp)
                del item  # before the next is read
                if each is None:
                    empty += 1
                else:
                    scored.append(each)
                progress.update()
            if scored:
                kinds = {each.traits.kind for each in scored}
                if len(kinds) > 1:
                    raise ScoreCalibrationError("A patient has volumes and single images; expected one kind of scan.")
                yield PatientScores(
                    pixels=upper_levels(np.concatenate([each.pixels for each in scored])),
                    scans=tuple(each.score for each in scored if each.score is not None),
                    digests=tuple(each.digest for each in scored),
                    sources=tuple(each.source for each in scored),
                    kind=kinds.pop(),
                    traits=tuple(each.traits for each in scored),
                )
    notes.tell()
    if learnt:
        _logger.warning("Left out %d scans that the detector was trained on: what it has learnt scores too low", learnt)
    if empty:
        _logger.warning("Left out %d scans in which there is nothing normal to score", empty)


class _Scored(NamedTuple):
    pixels: np.ndarray[Any, np.dtype[np.float32]]
    score: float | None
    digest: bytes
    source: str
    traits: ScanTraits


def _score(
    detector: AnomalyDetector,
    item: Mapping[str, Any],
    origin: ScanOrigin,
    inferer: Callable[..., Tensor],
    *,
    lesion_margin: float,
    amp: bool,
) -> _Scored | None:
    """Score a scan; None, if there is nothing normal in it to score."""
    image, region = item["image"], plain_tensor(item["region"]).bool()
    if region.shape != (1, *image.shape[1:]):
        raise ScoreCalibrationError(
            f"Found a region of shape {tuple(region.shape)}; expected {(1, *image.shape[1:])}, as the scan."
        )
    margin = lesion_margin + _REACH * detector.smoothing_across.sigma
    normal = normal_slices(item, margin=margin)
    inside = region if normal.all() else region & normal  # no copy where there is nothing to leave out
    if not inside.any():
        return None
    device = detector.encoder.mean.device
    with torch.no_grad(), torch.autocast(device.type, enabled=amp), MeanEmbedding(detector.encoder) as seen:
        scores = plain_tensor(inferer(image[None].to(device), detector)[0]).float()
    pixels = scores.numpy()[inside.numpy()]  # torch would make a list of their indices first
    if not np.isfinite(pixels).all():
        raise ScoreCalibrationError(
            f"The anomaly map of {source_name(image, 'a normal scan')} holds NaN or infinite scores. Check the model."
        )
    has_lesion = item.get("label") is not None and bool((plain_tensor(item["label"]) != 0).any())
    return _Scored(
        pixels=pixels,
        score=None if has_lesion else top_mean(scores, TOP_FRACTION, foreground=region),
        digest=_digest(image, region),
        source=origin.sha256,
        # of the whole scan, as it will be of a new one: also of slices that do not count because of a lesion
        traits=ScanTraits.of(image, region, origin, embedding=seen.value),
    )


def _digest(image: Tensor, region: Tensor) -> bytes:
    """Tell the image and region that a detector saw from any other."""
    values = plain_tensor(image)
    digest = hashlib.sha256(repr(tuple(values.shape)).encode())
    for channel in values:
        for row in channel:  # a copy of the whole would be another volume in memory
            digest.update(row.float().contiguous().numpy())
    for rows in torch.split(region[0], 8):  # so many make whole bytes
        digest.update(np.packbits(rows.numpy()).tobytes())
    return digest.digest()
