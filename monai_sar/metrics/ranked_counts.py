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
    # in counts, which are exact where shares are rounded: what ranks perfectly gets 1
    false, true = _above(normal), _above(anomalous)
    limit = max_fpr * false[..., -1:]
    left, right = np.minimum(false[..., :-1], limit), np.minimum(false[..., 1:], limit)
    step = np.diff(false)
    # the curve is cut where it meets the limit on the way between two points
    way = np.divide(right - false[..., :-1], step, out=np.zeros_like(step), where=step > 0)
    at_right = true[..., :-1] + np.clip(way, 0, 1) * np.diff(true)
    area = ((right - left) * (true[..., :-1] + at_right) / 2).sum(-1)
    with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that says that there are none
        share: FloatArray = area / (limit * true[..., -1:])[..., 0]
    return share


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
