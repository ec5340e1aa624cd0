"""Choose the slices of a volume that a person should look at first."""
# scikit-image types only part of itself
# mypy: allow-untyped-calls

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from skimage.filters import threshold_otsu

from monai_sar.metrics.anomaly_score import top_mean

__all__ = ["most_anomalous_slice", "representative_slices", "tissue"]

TISSUE_FRACTION = 0.1


def tissue(image: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """Where the volume is not air: at and above Otsu's threshold of all its values.

    Args:
        image: the scan `[H, W, D]`, any unit; NaN counts as air.

    Returns:
        Boolean array `[H, W, D]`, never empty.
    """
    visible = np.nan_to_num(image, nan=float(np.nanmin(image)))
    foreground: npt.NDArray[np.bool_] = visible >= threshold_otsu(visible)
    return foreground


def most_anomalous_slice(
    anomaly_map: npt.NDArray[np.floating],
    foreground: npt.NDArray[np.bool_] | None = None,
    *,
    elsewhere: float = 0.0,
) -> int:
    """Index of the slice whose highest scores are highest.

    A slice counts as its `top_mean`: one stray pixel does not decide, a small lesion does.

    Args:
        anomaly_map: scores `[H, W, D]`, higher is less normal.
        foreground: where they count, `[H, W, D]`; by default everywhere.
        elsewhere: the score that all other places have instead.

    Returns:
        Index along D.
    """
    slices: Iterable[npt.NDArray[np.floating]] = np.moveaxis(anomaly_map, -1, 0)
    if foreground is not None:  # slice by slice: a whole volume would be a second one in memory
        inside = np.moveaxis(foreground, -1, 0)
        slices = (np.where(*each, np.float32(elsewhere)) for each in zip(inside, slices, strict=True))
    return int(np.argmax([top_mean(torch.from_numpy(each)) for each in slices]))


def representative_slices(
    foreground: npt.NDArray[np.bool_],
    worst: int,
    *,
    lesion: npt.NDArray[np.bool_] | None = None,
    slices: int = 5,
) -> list[int]:
    """The most anomalous slice, the one that shows most of a known lesion, and others spread over the tissue.

    A slice holds tissue when it has at least a tenth of what the fullest slice has, so the empty ends of a
    scan are not shown.

    Args:
        foreground: where the scan is not air, `[H, W, D]`.
        worst: the most anomalous slice, an index along D.
        lesion: where it is known, `[H, W, D]`.
        slices: how many to choose at most.

    Returns:
        Ascending, distinct indices along D; fewer than `slices` where there are not as many with tissue.
    """
    amount = foreground.sum(axis=(0, 1))
    candidates = np.flatnonzero(amount >= TISSUE_FRACTION * amount.max())
    count = min(slices, candidates.size)
    # centres of equal parts of the range: both ends of an organ say little
    positions = (np.arange(count) + 0.5) * candidates.size / count - 0.5
    chosen = candidates[np.round(positions).astype(int)]
    wanted = [worst]
    if lesion is not None and lesion.any() and count > 1:
        wanted.append(int(lesion.sum(axis=(0, 1)).argmax()))
    for index in wanted:
        if index not in chosen:
            # in the place of the nearest one, but never of another that is wanted
            distance = np.where(np.isin(chosen, wanted), np.inf, np.abs(chosen - index))
            chosen[distance.argmin()] = index
    return sorted({int(index) for index in chosen})
