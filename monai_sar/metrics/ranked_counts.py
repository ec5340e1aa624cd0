"""AUROC and average precision of many weighted samples at once, from counts that are sorted by score."""

import numpy as np
import numpy.typing as npt

__all__ = ["auroc", "average_precision"]

FloatArray = npt.NDArray[np.float64]


def auroc(normal: FloatArray, anomalous: FloatArray, max_fpr: float = 1.0) -> FloatArray:
    """Area under the ROC curve: how often an anomalous one outranks a normal one, ties counting half.

    Args:
        normal: ``[..., K]``, how many normal ones have each of K ascending scores; any weights that are not negative.
        anomalous: the same shape.
        max_fpr: in (0, 1]. Below 1, the area up to this false-positive rate, divided by it.

    Returns:
        ``[...]``; NaN where one of the two classes is missing.

    Example:
        >>> import numpy as np
        >>> auroc(np.array([1.0, 1.0, 0.0]), np.array([0.0, 1.0, 1.0])).item()
        0.875
    """
    fpr, tpr = _shares_above(normal), _shares_above(anomalous)
    left, right = np.minimum(fpr[..., :-1], max_fpr), np.minimum(fpr[..., 1:], max_fpr)
    step = np.diff(fpr)
    # the curve is cut where it meets the limit on the way between two points
    way = np.divide(right - fpr[..., :-1], step, out=np.zeros_like(step), where=step > 0)
    at_right = tpr[..., :-1] + np.clip(way, 0, 1) * np.diff(tpr)
    area: FloatArray = ((right - left) * (tpr[..., :-1] + at_right) / 2).sum(-1) / max_fpr
    return area


def average_precision(normal: FloatArray, anomalous: FloatArray) -> FloatArray:
    """Average precision, ``sum (R_n - R_{n-1}) P_n`` over descending thresholds, as scikit-learn defines it.

    Args:
        normal: as in :func:`auroc`.
        anomalous: the same shape.

    Returns:
        ``[...]``; NaN where there are no anomalous ones.
    """
    hits = _above(anomalous)[..., 1:]
    found = hits + _above(normal)[..., 1:]
    precision = np.divide(hits, found, out=np.zeros_like(found), where=found > 0)
    with np.errstate(invalid="ignore"):
        share = anomalous[..., ::-1] / anomalous.sum(-1, keepdims=True)
    total: FloatArray = (share * precision).sum(-1)
    return total


def _above(counts: FloatArray) -> FloatArray:
    """How many there are at and above each score, scores descending, from none to all: ``[..., K + 1]``."""
    start = np.zeros((*counts.shape[:-1], 1))
    return np.concatenate([start, counts[..., ::-1].cumsum(-1)], axis=-1)


def _shares_above(counts: FloatArray) -> FloatArray:
    above = _above(counts)
    with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that says that there are none
        shares: FloatArray = above / above[..., -1:]
    return shares
