"""Which images a person should look at: the best, the median, the worst, and the false alarms."""

from collections.abc import Iterable

import numpy as np

from monai_sar.evaluation.collected import Collected

__all__ = ["choose_cases"]

IN_GROUP = 2


def choose_cases(collected: Collected) -> dict[str, list[int]]:
    """Choose images; none is chosen twice, and those of a group are of different patients where there are others.

    Images with a lesion in the region rank by the average precision of their pixels. An image without a lesion has
    none; the false alarms are the normal images with the highest scores.

    Returns:
        Name of the group -> numbers of images, from 0; without the groups that stay empty.
    """
    precision = collected.average_precisions
    ranked = [int(image) for image in np.argsort(-precision, kind="stable") if np.isfinite(precision[image])]
    middle = sorted(range(len(ranked)), key=lambda place: abs(place - (len(ranked) - 1) / 2))
    normal = np.flatnonzero(~collected.abnormal)
    taken: set[int] = set()
    groups = {
        "Best": _take(collected, ranked, taken),
        "Worst": _take(collected, reversed(ranked), taken),
        "Median": _take(collected, (ranked[place] for place in middle), taken),
        "Highest-scoring normal": _take(collected, normal[np.argsort(-collected.scores[normal])].tolist(), taken),
    }
    shown = ("Best", "Median", "Worst", "Highest-scoring normal")
    return {name: groups[name] for name in shown if groups[name]}


def _take(collected: Collected, images: Iterable[int], taken: set[int]) -> list[int]:
    """The first images that are not taken, one of each patient before a second of any."""
    free = [image for image in images if image not in taken]
    first_of: dict[int, int] = {}
    for image in free:
        first_of.setdefault(int(collected.patients.of_image[image]), image)
    leading = set(first_of.values())
    chosen = sorted(free, key=lambda image: image not in leading)[:IN_GROUP]
    taken.update(chosen)
    return chosen
