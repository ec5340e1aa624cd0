"""Ranking metrics over any number of pixels in constant memory."""

import numpy as np
import torch
from torch import Tensor

__all__ = ["ScoreHistogram"]


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
        self.counts = torch.from_numpy(np.zeros((2, 2**bits), dtype=np.int64))
        """``[2, 2 ** bits]``: pixels that are normal (0) and anomalous (1), by ascending score."""

    def update(self, score: Tensor, mask: Tensor) -> None:
        """Count the pixels of an image or a volume.

        Args:
            score: any shape, high is anomalous.
            mask: same shape, non-zero is anomalous.

        Raises:
            ValueError: the shapes differ, or a score is NaN.
        """
        if score.shape != mask.shape:
            raise ValueError(f"The score map is {tuple(score.shape)}, the mask {tuple(mask.shape)}.")
        score = score.detach().to("cpu", torch.float32).contiguous().flatten()
        if bool(torch.isnan(score).any()):
            raise ValueError("The score map has NaN.")
        pattern = (score + 0.0).view(torch.int32)  # + 0.0 makes -0.0 and 0.0 one score
        # the bit patterns of negative floats run backwards
        ordered = torch.where(pattern < 0, pattern ^ 0x7FFFFFFF, pattern).to(torch.int64) + 2**31
        bins = (ordered >> (32 - self.bits)) + (mask.detach().to("cpu").flatten() != 0) * 2**self.bits
        self.counts.view(-1).index_add_(0, bins, torch.ones_like(bins))

    def auroc(self) -> float:
        """Area under the ROC curve: how often an anomalous pixel outranks a normal one, ties counting half.

        Raises:
            ValueError: one of the two classes has no pixels.
        """
        normal, anomalous = self._descending()
        true_positives = anomalous.cumsum(0)
        wins = (normal * (true_positives - 0.5 * anomalous)).sum()
        return float(wins / (normal.sum() * anomalous.sum()))

    def average_precision(self) -> float:
        """Average precision, ``sum (R_n - R_{n-1}) P_n`` over descending thresholds, as scikit-learn defines it.

        Raises:
            ValueError: one of the two classes has no pixels.
        """
        normal, anomalous = self._descending()
        true_positives = anomalous.cumsum(0)
        precision = true_positives / (true_positives + normal.cumsum(0))
        return float((anomalous * precision).sum() / anomalous.sum())

    def _descending(self) -> tuple[Tensor, Tensor]:
        occupied = (self.counts != 0).any(0)
        normal, anomalous = self.counts[:, occupied].flip(1).double()
        if not bool(normal.sum() > 0) or not bool(anomalous.sum() > 0):
            raise ValueError(
                f"Ranking needs normal and anomalous pixels; there are {int(normal.sum())} and {int(anomalous.sum())}."
            )
        return normal, anomalous
