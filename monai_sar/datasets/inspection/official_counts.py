"""The numbers of images in BMAD's sets, to tell whether a data set is one of them and whole.

Source: BMAD (arXiv 2306.11876), the three sets that have masks.
"""

from collections.abc import Mapping

from monai_sar.datasets.bmad_layouts import AnomalyClass, Split
from monai_sar.datasets.inspection.finding import Finding

__all__ = ["BMAD_COUNTS", "find_official_counts"]

Counts = Mapping[tuple[Split, AnomalyClass], int]

BMAD_COUNTS: Mapping[str, Counts] = {
    name: {
        ("train", "good"): train,
        ("valid", "good"): valid[0],
        ("valid", "Ungood"): valid[1],
        ("test", "good"): test[0],
        ("test", "Ungood"): test[1],
    }
    for name, train, valid, test in (
        ("BMAD Brain MRI", 7500, (39, 44), (640, 3075)),
        ("BMAD Liver CT", 1542, (93, 73), (833, 660)),
        ("BMAD Retinal OCT", 4297, (45, 70), (1041, 764)),
    )
}
"""Number of images per split and class of each set."""

_CLEARLY = 3  # so many of five equal counts are no chance


def find_official_counts(counts: Counts) -> list[Finding]:
    """Say which of BMAD's sets the numbers of images are those of, and where they differ."""
    for name, official in BMAD_COUNTS.items():
        other = {place: number for place, number in official.items() if counts.get(place, 0) != number}
        if not other:
            return [Finding("note", "official-counts", f"found the counts of {name}.")]
        if len(official) - len(other) >= _CLEARLY:
            differences = ", ".join(
                f"{split}/{kind} {counts.get((split, kind), 0)} instead of {number}"
                for (split, kind), number in other.items()
            )
            return [
                Finding(
                    "warning",
                    "official-counts",
                    f"found the counts of {name} but for {differences}; expected all of them. If it is to be that "
                    "set, get the rest, because figures on a part cannot be compared with published ones.",
                )
            ]
    return []
