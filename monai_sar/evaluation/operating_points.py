"""What a threshold does: Dice, sensitivity, found lesions and false positives, promised and realised."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from monai_sar.calibration.calibration import Calibration
from monai_sar.evaluation.collected import Collected
from monai_sar.evaluation.pixel_counts import BITS, LESION, NORMAL, lowest_scores
from monai_sar.metrics.patient_bootstrap import Estimate

__all__ = ["OperatingPoint", "operating_points", "size_classes"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class OperatingPoint:
    """One threshold and what it does.

    Attributes:
        name: ``"at_0.05"`` for the rate that was promised, or ``"oracle"``.
        rate: the false-positive rate that was promised; None for the oracle.
        pixel_threshold: pixels that score more are flagged.
        image_threshold: images that score more are flagged; None for the oracle.
        metrics: by name: ``dice``, ``sensitivity`` (share of lesion pixels), ``lesion_sensitivity``,
            ``normal_pixels_flagged``, and with an image threshold ``normal_images_flagged`` and
            ``abnormal_images_flagged``.
        by_size: share of lesions found, by the areas in pixels (smallest, largest) of lesions alike in size.
    """

    name: str
    rate: float | None
    pixel_threshold: float
    image_threshold: float | None
    metrics: Mapping[str, Estimate]
    by_size: Mapping[tuple[int, int], Estimate] = field(default_factory=dict)


def operating_points(collected: Collected) -> list[OperatingPoint]:
    """The calibrated thresholds by ascending rate, then the oracle: that of the best Dice on these very images.

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


def size_classes(collected: Collected) -> list[tuple[int, int]]:
    """Three classes of lesions, as equal in number as ties allow: the least and the largest area in pixels of each."""
    areas = np.sort([lesion.area for _, lesion in collected.lesions])
    if areas.size == 0:
        return []
    limits = np.quantile(areas, [1 / 3, 2 / 3], method="inverted_cdf")
    parts = (areas[np.searchsorted(limits, areas) == number] for number in range(3))
    return [(int(part[0]), int(part[-1])) for part in parts if part.size]


def _calibrated(collected: Collected, calibration: Calibration) -> list[OperatingPoint]:
    thresholds = zip(calibration.rates, calibration.pixel_thresholds, calibration.image_thresholds, strict=True)
    return [
        _measure(
            collected,
            f"at_{rate:g}",
            rate=rate,
            pixel_threshold=of_pixels,
            image_threshold=of_images,
            flagged=np.stack([facts.flagged[index] for facts in collected.facts]),
        )
        for index, (rate, of_pixels, of_images) in enumerate(thresholds)
    ]


def _best_bin(collected: Collected) -> int:
    """The bin of scores from which on flagging gives the best Dice over all images together."""
    totals = collected.inside.totals
    hits, flagged = totals[LESION, ::-1].cumsum(), (totals[NORMAL] + totals[LESION])[::-1].cumsum()
    dice = 2 * hits / (flagged + collected.lesion_pixels.sum())
    return int(2**BITS - 1 - dice.argmax())


def _at_and_above(bins: npt.NDArray[np.integer], counts: FloatArray, first: int) -> npt.NDArray[np.int64]:
    """Normal pixels and pixels of lesions at and above a bin, of one image: ``[2]``."""
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
    image_threshold: float | None = None,
) -> OperatingPoint:
    normal, abnormal = ~collected.abnormal, collected.abnormal
    pixels = collected.region_pixels.sum(axis=1)
    metrics = {
        "dice": _dice(collected, flagged),
        "sensitivity": _sensitivity(collected, flagged),
        "lesion_sensitivity": _found(collected, pixel_threshold),
        "normal_pixels_flagged": _mean_share(collected, flagged.sum(axis=1), pixels, normal, "normal images"),
    }
    if image_threshold is not None:
        high = collected.scores > image_threshold
        metrics |= {
            f"{kind}_images_flagged": _mean_share(collected, high, np.ones(len(high)), images, f"{kind} images")
            for kind, images in (("normal", normal), ("abnormal", abnormal))
        }
    by_size = {
        (least, most): _found(collected, pixel_threshold, least=least, most=most)
        for least, most in size_classes(collected)
    }
    return OperatingPoint(name, rate, pixel_threshold, image_threshold, metrics, by_size)


def _dice(collected: Collected, flagged: npt.NDArray[np.int64]) -> Estimate:
    total = collected.patients.total
    hits, marked, truth = total(flagged[:, 1]), total(flagged.sum(axis=1)), total(collected.lesion_pixels)
    images = len(collected.facts)
    if not truth.any():
        return Estimate(None, n=images, note="undefined: no lesions in this set")

    def statistic(weights: FloatArray) -> FloatArray:
        return 2 * (weights @ hits) / (weights @ (marked + truth))

    return collected.bootstrap.estimate(statistic, n=images, of="images", needs=[truth > 0])


def _sensitivity(collected: Collected, flagged: npt.NDArray[np.int64]) -> Estimate:
    total = collected.patients.total
    with_lesion = int((collected.lesion_pixels > 0).sum())
    return collected.bootstrap.share(
        total(flagged[:, 1]), total(collected.lesion_pixels), n=with_lesion, of="images with a lesion"
    )


def _found(collected: Collected, threshold: float, *, least: int = 0, most: int | None = None) -> Estimate:
    """Share of the lesions found, of those of some areas."""
    lesions = [
        (image, lesion.score > threshold)
        for image, lesion in collected.lesions
        if least <= lesion.area and (most is None or lesion.area <= most)
    ]
    every, found = np.zeros((2, len(collected.facts)))
    for image, is_found in lesions:
        every[image] += 1
        found[image] += is_found
    total = collected.patients.total
    return collected.bootstrap.share(total(found), total(every), n=len(lesions), of="lesions")


def _mean_share(
    collected: Collected,
    part: npt.NDArray[np.generic],
    whole: npt.NDArray[np.generic],
    images: npt.NDArray[np.bool_],
    of: str,
) -> Estimate:
    """The mean over patients of their own shares: what a calibration promises for one more patient."""
    total = collected.patients.total
    wholes = total(np.where(images, whole, 0))
    shares = np.divide(total(np.where(images, part, 0)), wholes, out=np.zeros_like(wholes), where=wholes > 0)
    return collected.bootstrap.share(shares, (wholes > 0).astype(float), n=int(images.sum()), of=of)
