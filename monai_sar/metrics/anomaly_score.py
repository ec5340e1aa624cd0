"""From an anomaly map to one number for the slice or the scan."""

import math

import numpy as np
from torch import Tensor

__all__ = ["TOP_FRACTION", "top_mean"]

TOP_FRACTION = 0.01
"""Share of the region whose mean score is the score of a slice or scan."""


def top_mean(scores: Tensor, fraction: float = TOP_FRACTION, *, foreground: Tensor | None = None) -> float:
    """Mean of the highest scores: one stray pixel does not decide, a small lesion does.

    With n scores it is the mean of the k = max(1, round(fraction * n)) highest, equal scores counted one by one.
    (AnomalyDINO scores an image so, by the top 1 % of its patches [0].) The selection is exact and the sum correctly
    rounded, so the result does not depend on the order of the voxels: a volume scores the same in every orientation.

    n counts air as well, so scans with more air around the patient have a larger k and lower scores: give the
    foreground where scans are compared.

    Takes one copy of the map in CPU memory and linear time (130 million voxels: 0.5 GB, about two seconds);
    ``torch.quantile`` refuses more than 16 million values.

    [0]: https://arxiv.org/abs/2405.14529

    Args:
        scores: of any shape, a slice or a volume; higher is less normal.
        fraction: in (0, 1].
        foreground: boolean (or 0 and 1), of the shape of ``scores``: where scores count; by default everywhere.

    Raises:
        ValueError: fraction out of range, shapes differ, nothing to average, or one of the highest scores is not finite
            (NaN counts as high).

    Example:
        >>> import torch
        >>> from monai_sar.metrics.anomaly_score import top_mean
        >>> top_mean(torch.tensor([[4.0, 1.0], [2.0, 0.0]]), fraction=0.5)
        3.0
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction is {fraction}, expected in (0, 1].")
    if foreground is not None and foreground.shape != scores.shape:
        raise ValueError(
            f"The foreground has shape {tuple(foreground.shape)}, the scores have {tuple(scores.shape)}; "
            "expected the same."
        )
    values = scores.detach().float().numpy(force=True)
    # either way a copy, which is sorted in part where it lies
    values = values.flatten() if foreground is None else values[foreground.numpy(force=True).astype(bool, copy=False)]
    if values.size == 0:
        raise ValueError(
            f"There is no score to average in a map of shape {tuple(scores.shape)}: it or its foreground is empty."
        )
    count = max(1, round(fraction * values.size))
    # NumPy's selection takes a tenth of the time of torch.topk, and a quarter of the memory
    values.partition(values.size - count)
    top = values[-count:]
    if not np.isfinite(top).all():  # NaN sorts last
        raise ValueError("The anomaly map holds NaN or infinite scores. Check the scan and the model.")
    return math.fsum(top) / count
