"""Ranking metrics over any number of pixels in constant memory."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from monai_sar.metrics.ranked_counts import auroc, average_precision

__all__ = ["COARSE_BITS", "ScoreHistogram"]

COARSE_BITS = 17
"""Of histograms that are made, or kept, for every scan: scores are rounded to 0.4 % of themselves."""

_AT_A_TIME = 2**20


class ScoreHistogram:
    """Counts of normal and anomalous pixels by score, from which AUROC and average precision follow.

    The bins are float32 itself, rounded to its leading ``bits`` bits (sign, exponent, top of the mantissa): no range
    has to be known beforehand, scores of any scale keep a relative resolution of ``2 ** (9 - bits)``, and the
    histograms of several processes add up. Scores within one bin count as ties: where
    all scores lie within a thousandth of each other, too many do.

    Args:
        bits: 24 keep 15 bits of the mantissa. Of the 256 MiB of counts only those pages take memory that hold scores.
    """

    def __init__(self, bits: int = 24) -> None:
        self.bits = bits
        # numpy leaves zeroed pages to be mapped at first use; torch.zeros writes them all
        self.counts = torch.from_numpy(np.zeros((2, 2**bits)))
        """``[2, 2 ** bits]``: pixels that are normal (0) and anomalous (1), by ascending score; exact to 2 ** 53."""

    def update(
        self, score: Tensor, mask: Tensor, weight: Tensor | None = None, *, region: Tensor | None = None
    ) -> None:
        """Count the pixels of an image or a volume, a part at a time: no copy of a volume is made.

        Args:
            score: any shape, high is anomalous.
            mask: same shape, non-zero is anomalous.
            weight: same shape, not negative: as how many pixels each counts; by default as one.
            region: same shape, non-zero where pixels count; by default everywhere.

        Raises:
            ValueError: the shapes differ, or a score that counts is NaN.
        """
        if score.shape != mask.shape:
            raise ValueError(f"The score map is {tuple(score.shape)}, the mask {tuple(mask.shape)}.")
        if weight is not None and weight.shape != score.shape:
            raise ValueError(f"The score map is {tuple(score.shape)}, its weights {tuple(weight.shape)}.")
        if region is not None and region.shape != score.shape:
            raise ValueError(f"The score map is {tuple(score.shape)}, its region {tuple(region.shape)}.")
        # NumPy's loops take less time here than torch's threads, and far less while the cores are busy with others
        given = [score.detach().to("cpu", torch.float32).numpy(), mask.numpy(force=True)]
        given += [each.numpy(force=True) for each in (weight, region) if each is not None]
        # a part at a time: the numbers of the bins take four times the memory of the scores
        parts = np.nditer(given, flags=["external_loop", "buffered", "zerosize_ok"], order="K", buffersize=_AT_A_TIME)
        for values, anomalous, *others in parts:
            if region is not None:
                inside = others.pop() != 0
                values, anomalous, *others = (each[inside] for each in (values, anomalous, *others))
            if np.isnan(values).any():
                raise ValueError("The score map has NaN.")
            self._count(values, anomalous != 0, others[0] if others else None)

    def _count(
        self,
        values: npt.NDArray[np.float32],
        anomalous: npt.NDArray[np.bool_],
        weight: npt.NDArray[np.floating] | None,
    ) -> None:
        pattern = (values + np.float32(0)).view(np.int32)  # + 0 makes -0.0 and 0.0 one score
        ordered = pattern ^ ((pattern >> 31) & 0x7FFFFFFF)  # the bit patterns of negative floats run backwards
        bins = (ordered >> (32 - self.bits)).astype(np.int64) + 2 ** (self.bits - 1)
        bins += anomalous * 2**self.bits
        # np.add.at takes several times as long where it must convert
        amount = 1.0 if weight is None else weight.astype(np.float64, copy=False)
        np.add.at(self.counts.view(-1).numpy(), bins, amount)

    def auroc(self, max_fpr: float = 1.0) -> float:
        """Area under the ROC curve: how often an anomalous pixel outranks a normal one, ties counting half.

        Args:
            max_fpr: in (0, 1]. Below 1, the area up to this false-positive rate, divided by it: the mean true-positive
                rate there. (scikit-learn's ``max_fpr`` rescales the area in another way.)

        Raises:
            ValueError: one of the two classes has no pixels, or max_fpr is out of range.
        """
        if not 0 < max_fpr <= 1:
            raise ValueError(f"max_fpr is {max_fpr}, expected in (0, 1].")
        return float(auroc(*self._ascending(), max_fpr))

    def average_precision(self) -> float:
        """Average precision, ``sum (R_n - R_{n-1}) P_n`` over descending thresholds, as scikit-learn defines it.

        Raises:
            ValueError: one of the two classes has no pixels.
        """
        return float(average_precision(*self._ascending()))

    def _ascending(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Counts of the scores that occur."""
        occupied = (self.counts != 0).any(0)
        normal, anomalous = self.counts[:, occupied].numpy()
        if not normal.sum() > 0 or not anomalous.sum() > 0:
            raise ValueError(
                f"Ranking needs normal and anomalous pixels; there are {normal.sum():.0f} and {anomalous.sum():.0f}."
            )
        return normal, anomalous
