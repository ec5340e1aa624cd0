"""What is wrong with the scans of a data set and their masks."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from monai_sar.datasets.inspection.finding import Finding, Severity, about, named, some
from monai_sar.datasets.inspection.scan_facts import ScanFacts, ScanMaskFacts

__all__ = ["find_scan_problems"]

_MOST = 0.5  # a lesion that fills more of a scan is more likely the rest of it


def find_scan_problems(scans: Sequence[ScanFacts], root: Path) -> list[Finding]:
    """Find scans and masks that cannot be read or do not fit, copies of scans, and scans of unknown patients.

    Args:
        scans: all scans of all splits.
        root: the folder that findings name files relative to.
    """
    labels = [(scan, scan.label) for scan in scans if scan.label is not None]
    regions = [(scan, scan.region) for scan in scans if scan.region is not None]
    readable = [(scan, mask) for scan, mask in labels if not mask.problem]
    unreadable = [scan for scan in scans if scan.problem]
    return [
        *about(
            (scan.path for scan in unreadable),
            root,
            "error",
            "scan-unreadable",
            f"found scans that cannot be read: FILES; expected all to be. The first: {_first(unreadable)}",
        ),
        *about(
            (scan.path for scan in scans if scan.two_valued),
            root,
            "error",
            "scan-two-valued",
            "found scans of two values alone: FILES; expected pictures, these look like masks. List them as label or "
            "region of their scans.",
        ),
        *_find_mask_problems("mask", labels, root),
        *_find_mask_problems("region", regions, root),
        *about(
            (mask.path for scan, mask in readable if scan.item["abnormal"] and not mask.inside),
            root,
            "warning",
            "mask-empty",
            "found abnormal scans with an empty mask: FILES; expected a lesion in each. Complete the masks, or list "
            'the scans with "abnormal": 0.',
        ),
        *about(
            (mask.path for scan, mask in readable if not scan.item["abnormal"] and mask.inside),
            root,
            "error",
            "mask-of-good",
            "found normal scans whose mask is not empty: FILES; expected no lesion in a normal scan. List them as "
            "abnormal, or remove the mask.",
        ),
        *about(
            (mask.path for _, mask in readable if mask.share > _MOST),
            root,
            "warning",
            "mask-inverted",
            f"found masks that mark more than {_MOST:.0%} of their scan: FILES; expected the lesions alone. Check "
            "whether 0 and 1 are exchanged.",
        ),
        *about(
            (mask.path for _, mask in regions if not mask.problem and not mask.inside),
            root,
            "error",
            "region-empty",
            "found empty masks of the region to score: FILES; expected the organ. Complete or remove them.",
        ),
        *_find_copies(scans, root),
        *about(
            (scan.path for scan in scans if scan.item["patient"] is None),
            root,
            "note",
            "patient-unknown",
            "found scans of which nothing tells the patient: FILES; expected to know whether a patient is in two "
            "splits, which was not checked for these. Give each item its patient, or list file and patient in "
            "manifest.csv.",
        ),
    ]


def _find_mask_problems(what: str, masks: Sequence[tuple[ScanFacts, ScanMaskFacts]], root: Path) -> list[Finding]:
    unreadable = [mask for _, mask in masks if mask.problem]
    elsewhere = [mask for _, mask in masks if mask.other_grid]
    kind = "masks" if what == "mask" else "masks of the region"
    return [
        *about(
            (mask.path for mask in unreadable),
            root,
            "error",
            f"{what}-unreadable",
            f"found {kind} that cannot be read: FILES; expected all to be. The first: {_first(unreadable)}",
        ),
        *about(
            (mask.path for mask in elsewhere),
            root,
            "error",
            f"{what}-grid",
            f"found {kind} on another grid than their scan: FILES; the first has "
            f"{elsewhere[0].other_grid if elsewhere else ''}; expected the same voxels. Resample the mask to the scan.",
        ),
    ]


def _find_copies(scans: Iterable[ScanFacts], root: Path) -> list[Finding]:
    """Find scans of equal voxels, whatever their names and formats."""
    same: dict[str, list[ScanFacts]] = defaultdict(list)
    for scan in scans:
        if not scan.problem:
            same[scan.digest].append(scan)
    copies = [group for group in same.values() if len(group) > 1]
    leaks = [group for group in copies if len({scan.item["split"] for scan in group}) > 1]
    twice = [group for group in copies if len({scan.item["split"] for scan in group}) == 1]
    too_good = "figures on a scan that training or a choice has seen come out too good"
    kinds: tuple[tuple[list[list[ScanFacts]], Severity, str, str], ...] = (
        (leaks, "error", "scan-in-two-splits", too_good),
        (twice, "warning", "scan-twice", "copies count double"),
    )
    findings = []
    for groups, severity, code, text in kinds:
        if groups:
            names = some(" = ".join(f"{named(scan.path, root)} ({scan.item['split']})" for scan in g) for g in groups)
            files = tuple(named(scan.path, root) for group in groups for scan in group)
            message = f"found copies of scans: {names}; expected each once, because {text}. Remove all but one of each."
            findings.append(Finding(severity, code, message, files))
    return findings


def _first(things: Sequence[ScanFacts] | Sequence[ScanMaskFacts]) -> str:
    return things[0].problem if things else ""
