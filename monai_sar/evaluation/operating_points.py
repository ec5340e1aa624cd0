"""What a threshold does: Dice, sensitivity, found lesions and false positives, promised and realised."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from monai_sar.calibration.calibration import Calibration
from monai_sar.evaluation.collected import Collected
from monai_sar.evaluation.pixel_counts import BITS, LESION, NORMAL, lowest_scores
from monai_sar.metrics.patient_bootstrap import Estimate

__all__ = ["OperatingPoint", "operating_points", "size_classes", "size_text"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OperatingPoint:
    """One threshold and what it does.

    Attributes:
        name: ``"at_0.05"`` for the rate that was promised, or ``"oracle"``.
        rate: the false-positive rate that was promised; None for the oracle.
        pixel_threshold: voxels that score more are flagged.
        scan_threshold: scans that score more are flagged; None for the oracle, and where none is promised.
        flagged: ``[N, 2]``: of each scan the flagged voxels of the region: normal ones and those of lesions.
        metrics: by name: ``dice``, ``sensitivity`` (share of lesion voxels), ``lesion_sensitivity``,
            ``normal_pixels_flagged``, and with a threshold for scans ``normal_scans_flagged`` and
            ``abnormal_scans_flagged``.
        by_size: share of lesions found, by size (smallest, largest) of lesions alike in size, in
            :attr:`Collected.size_unit`.
    """

    name: str
    rate: float | None
    pixel_threshold: float
    scan_threshold: float | None
    flagged: npt.NDArray[np.int64]
    metrics: Mapping[str, Estimate]
    by_size: Mapping[tuple[float, float], Estimate] = field(default_factory=dict)


def operating_points(collected: Collected) -> list[OperatingPoint]:
    """The calibrated thresholds by ascending rate, then the oracle: that of the best Dice on these very scans.

    The oracle needs the lesions that it is measured on, so it is a limit, not a result; without lesions there is none.
    """
    points = [] if collected.calibration is None else _calibrated(collected, collected.calibration)
    if collected.inside.totals[LESION].any():
        first = _best_bin(collected)
        # the bin's lowest score is flagged too
        below = float(np.nextafter(np.float32(lowest_scores()[first]), np.float32(-np.inf)))
        flagged = np.stack([_at_and_above(facts.inside.indices, facts.inside.data, first) for facts in collected.facts])
        points.append(_measure(collected, "oracle", pixel_threshold=below, flagged=flagged))
    return points


def size_classes(collected: Collected) -> list[tuple[float, float]]:
    """Three classes of lesions, as equal in number as ties allow: the least and the largest size of each.

    Sizes are in ml where scans say how large a voxel is, else in voxels; see :attr:`Collected.size_unit`.
    """
    sizes = np.sort([collected.size(scan, lesion) for scan, lesion in collected.lesions])
    if sizes.size == 0:
        return []
    limits = np.quantile(sizes, [1 / 3, 2 / 3], method="inverted_cdf")
    parts = (sizes[np.searchsorted(limits, sizes) == number] for number in range(3))
    whole = int if collected.size_unit == "voxels" else float
    return [(whole(part[0]), whole(part[-1])) for part in parts if part.size]


def size_text(size: float) -> str:
    """A number of voxels as it is, a volume to three digits."""
    return f"{size}" if isinstance(size, int) else f"{size:.3g}"


def _calibrated(collected: Collected, calibration: Calibration) -> list[OperatingPoint]:
    of_scans = dict(zip(calibration.scan_rates, calibration.scan_thresholds, strict=True))
    # thresholds of volumes say nothing of single slices, nor the other way round
    comparable = all(facts.kind == calibration.kind for facts in collected.facts)
    return [
        _measure(
            collected,
            f"at_{rate:g}",
            rate=rate,
            pixel_threshold=of_pixels,
            scan_threshold=of_scans.get(rate) if comparable else None,
            flagged=np.stack([facts.flagged[index] for facts in collected.facts]),
        )
        for index, (rate, of_pixels) in enumerate(zip(calibration.rates, calibration.pixel_thresholds, strict=True))
    ]


def _best_bin(collected: Collected) -> int:
    """The bin of scores from which on flagging gives the best Dice over all scans together."""
    totals = collected.inside.totals
    hits, flagged = totals[LESION, ::-1].cumsum(), (totals[NORMAL] + totals[LESION])[::-1].cumsum()
    dice = 2 * hits / (flagged + collected.lesion_voxels.sum())
    return int(2**BITS - 1 - dice.argmax())


def _at_and_above(bins: npt.NDArray[np.integer], counts: FloatArray, first: int) -> npt.NDArray[np.int64]:
    """Normal voxels and voxels of lesions at and above a bin, of one scan: ``[2]``."""
    kind, level = np.divmod(bins, 2**BITS)
    high = level >= first
    return np.array([counts[high & (kind == which)].sum() for which in (NORMAL, LESION)]).astype(np.int64)


def _measure(
    collected: Collected,
    name: str,
    *,
    pixel_threshold: float,
    flagged: npt.NDArray[np.int64],
    rate: float | None = None,
    scan_threshold: float | None = None,
) -> OperatingPoint:
    normal, abnormal = ~collected.abnormal, collected.abnormal
    voxels = collected.region_voxels.sum(axis=1)
    metrics = {
        "dice": _dice(collected, flagged),
        "sensitivity": _sensitivity(collected, flagged),
        "lesion_sensitivity": _found(collected, pixel_threshold),
        "normal_pixels_flagged": _mean_share(collected, flagged.sum(axis=1), voxels, normal, "normal scans"),
    }
    if scan_threshold is not None:
        high = collected.scores > scan_threshold
        metrics |= {
            f"{kind}_scans_flagged": _mean_share(collected, high, np.ones(len(high)), scans, f"{kind} scans")
            for kind, scans in (("normal", normal), ("abnormal", abnormal))
        }
    by_size = {
        (least, most): _found(collected, pixel_threshold, least=least, most=most)
        for least, most in size_classes(collected)
    }
    return OperatingPoint(name, rate, pixel_threshold, scan_threshold, flagged, metrics, by_size)


def _dice(collected: Collected, flagged: npt.NDArray[np.int64]) -> Estimate:
    total = collected.patients.total
    marked = np.where(collected.lesions_known, flagged.sum(axis=1), 0)  # of the others nobody knows what was right
    hits, marked, truth = total(flagged[:, 1]), total(marked), total(collected.lesion_voxels)
    scans = int(collected.lesions_known.sum())
    if not truth.any():
        return Estimate(None, n=scans, note="undefined: no lesions in this set")

    def statistic(weights: FloatArray) -> FloatArray:
        return 2 * (weights @ hits) / (weights @ (marked + truth))

    return collected.bootstrap.estimate(statistic, n=scans, of="scans", needs=[truth > 0])


def _sensitivity(collected: Collected, flagged: npt.NDArray[np.int64]) -> Estimate:
    total = collected.patients.total
    with_lesion = int((collected.lesion_voxels > 0).sum())
    return collected.bootstrap.share(
        total(flagged[:, 1]), total(collected.lesion_voxels), n=with_lesion, of="scans with a lesion"
    )


def _found(collected: Collected, threshold: float, *, least: float = 0, most: float | None = None) -> Estimate:
    """Share of the lesions found, of those of some sizes."""
    lesions = [
        (scan, lesion.score > threshold)
        for scan, lesion in collected.lesions
        if least <= collected.size(scan, lesion) and (most is None or collected.size(scan, lesion) <= most)
    ]
    every, found = np.zeros((2, len(collected.facts)))
    for scan, is_found in lesions:
        every[scan] += 1
        found[scan] += is_found
    total = collected.patients.total
    return collected.bootstrap.share(total(found), total(every), n=len(lesions), of="lesions")


def _mean_share(
    collected: Collected,
    part: npt.NDArray[np.generic],
    whole: npt.NDArray[np.generic],
    scans: npt.NDArray[np.bool_],
    of: str,
) -> Estimate:
    """The mean over patients of their own shares: what a calibration promises for one more patient."""
    total = collected.patients.total
    wholes = total(np.where(scans, whole, 0))
    shares = np.divide(total(np.where(scans, part, 0)), wholes, out=np.zeros_like(wholes), where=wholes > 0)
    return collected.bootstrap.share(shares, (wholes > 0).astype(float), n=int(scans.sum()), of=of)
