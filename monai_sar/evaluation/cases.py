"""Which scans a person should look at: the best, the median, the worst, and the false alarms."""

from collections.abc import Iterable

import numpy as np

from monai_sar.evaluation.collected import Collected

__all__ = ["choose_cases"]

IN_GROUP = 2


def choose_cases(collected: Collected) -> dict[str, list[int]]:
    """Choose scans; none is chosen twice, and those of a group are of different patients where there are others.

    Scans with a lesion in the region rank by the average precision of their voxels. A scan without a lesion has
    none; the false alarms are the normal scans with the highest scores.

    Returns:
        Name of the group -> numbers of scans, from 0; without the groups that stay empty.
    """
    precision = collected.average_precisions
    ranked = [int(scan) for scan in np.argsort(-precision, kind="stable") if np.isfinite(precision[scan])]
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


def _take(collected: Collected, scans: Iterable[int], taken: set[int]) -> list[int]:
    """The first scans that are not taken, one of each patient before a second of any."""
    free = [scan for scan in scans if scan not in taken]
    first_of: dict[int, int] = {}
    for scan in free:
        first_of.setdefault(int(collected.patients.of_scan[scan]), scan)
    leading = set(first_of.values())
    chosen = sorted(free, key=lambda scan: scan not in leading)[:IN_GROUP]
    taken.update(chosen)
    return chosen
