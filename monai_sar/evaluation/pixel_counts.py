"""How many voxels have which score, scan by scan, small enough to be kept for every scan."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse

from monai_sar.metrics.score_histogram import COARSE_BITS, ScoreHistogram

__all__ = ["BITS", "LESION", "NORMAL", "OVERLAP", "PatientPixels", "count_pixels", "lowest_scores"]

FloatArray = npt.NDArray[np.float64]

BITS = COARSE_BITS
"""Leading bits of a float32 that scores are rounded to."""

NORMAL, LESION, OVERLAP = range(3)
"""What is counted: normal voxels, voxels of lesions, and these as the shares of their lesions (for AUPRO)."""

GROUPS = 1024
"""So many groups of scores are left for the bootstrap; they hold equal shares of normal and of lesion voxels."""

_BINS = 2**BITS


def count_pixels(
    score: npt.NDArray[np.floating], lesions: npt.NDArray[np.integer], region: npt.NDArray[np.bool_] | None = None
) -> sparse.csr_array:
    """Count the voxels of one scan.

    Args:
        score: ``[H, W, D]``, high is anomalous.
        lesions: the same shape: 0 where normal, else the number of the lesion.
        region: the same shape: what to count; by default everything. Lesions are clipped to it.

    Returns:
        ``[1, 3 * 2 ** BITS]``, sparse, float64: some ten kilobytes.

    Raises:
        ValueError: a score is NaN.
    """
    histogram, overlap = ScoreHistogram(BITS), ScoreHistogram(BITS)
    mask, inside = lesions > 0, None if region is None else torch.from_numpy(region)
    histogram.update(torch.from_numpy(score), torch.from_numpy(mask), region=inside)
    if region is not None:
        mask &= region
    if mask.any():
        numbers = lesions[mask]
        weight = torch.from_numpy(1 / np.bincount(numbers)[numbers])
        overlap.update(torch.from_numpy(score[mask]), torch.ones(len(numbers)), weight)
    counts = np.concatenate([histogram.counts.numpy().ravel(), overlap.counts[1].numpy()])
    return sparse.csr_array(counts[None])


def lowest_scores() -> FloatArray:
    """The lowest score of each bin, ascending: ``[2 ** BITS]``; NaN in bins that no score falls in."""
    ordered = (np.arange(_BINS, dtype=np.int64) - _BINS // 2).astype(np.int32) << (32 - BITS)
    pattern = ordered ^ ((ordered >> 31) & 0x7FFFFFFF)  # as ScoreHistogram orders negative numbers
    with np.errstate(invalid="ignore"):
        scores: FloatArray = pattern.astype(np.int32).view(np.float32).astype(np.float64)
    return scores


class PatientPixels:
    """The voxels of all scans, of each patient together, in few groups of scores.

    Args:
        scans: what :func:`count_pixels` made of each scan.
        patient_of_scan: ``[N]``, numbers from 0.
        patients: how many there are.
    """

    def __init__(
        self, scans: Sequence[sparse.csr_array], patient_of_scan: npt.NDArray[np.int64], patients: int
    ) -> None:
        every = sparse.vstack(scans, format="csr")
        number = len(scans)
        belongs = sparse.csr_array((np.ones(number), (patient_of_scan, np.arange(number))), shape=(patients, number))
        together = (belongs @ every).tocsc()  # in float64, as its first factor
        self.totals: FloatArray = np.asarray(together.sum(axis=0)).reshape(3, _BINS)
        """``[3, 2 ** BITS]``: over all scans, in bins of ascending score."""
        grouping = _grouping(self.totals)
        self.groups: FloatArray = np.stack(
            [(together[:, start : start + _BINS] @ grouping).toarray() for start in range(0, 3 * _BINS, _BINS)]
        )
        """``[3, P, G]``: of each patient, in groups of ascending score."""


def _grouping(totals: FloatArray) -> sparse.csr_array:
    """Which group each bin belongs to, ``[bins, groups]``: each group has as large a share of the voxels as another."""
    shares = totals / np.maximum(totals.sum(axis=1, keepdims=True), 1)
    occupied = np.flatnonzero(shares.any(axis=0))
    if not occupied.size:
        return sparse.csr_array((_BINS, 1))
    mass = shares[:, occupied].sum(axis=0)
    place = (mass.cumsum() - mass / 2) / mass.sum()
    group = np.unique((place * GROUPS).astype(np.int64), return_inverse=True)[1]
    return sparse.csr_array((np.ones(len(occupied)), (occupied, group)), shape=(_BINS, int(group.max()) + 1))
