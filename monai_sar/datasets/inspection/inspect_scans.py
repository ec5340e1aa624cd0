"""Look at every scan of a datalist, or of a folder of scans, and say what is there and what is wrong with it."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from monai_sar.datasets.bmad_folder import IMAGE_SUFFIXES, BMADLayout, DatasetError, find_bmad_layout
from monai_sar.datasets.bmad_layouts import SPLITS, AnomalyClass, Split
from monai_sar.datasets.data_set import load_data_set
from monai_sar.datasets.data_set_item import DataSetItem
from monai_sar.datasets.datalist_json import EmptySplitError
from monai_sar.datasets.inspection.finding import SEVERITIES, Finding, Severity
from monai_sar.datasets.inspection.scan_facts import ScanFacts, read_scan_facts
from monai_sar.datasets.inspection.scan_findings import find_scan_problems

__all__ = ["ScanInspection", "ScanPlaceSummary", "holds_scans", "inspect_scans"]


@dataclass(frozen=True)
class ScanPlaceSummary:
    """The normal, or the abnormal, scans of one split in numbers.

    Attributes:
        split: "train", "valid" or "test".
        kind: "good" (normal) or "Ungood" (abnormal).
        scans: number of scans.
        patients: number of known patients.
        patient_unknown: number of scans of which nothing tells the patient.
        shapes: voxels as stored -> number of scans.
        spacings: millimetres along the same axes, three digits -> number of scans.
        modalities: DICOM code, or "unknown" -> number of scans.
        formats: "nifti", "dicom" or "slices" -> number of scans.
        masks: number of scans with a mask of lesions.
        masks_empty: number of these whose mask marks nothing.
        regions: number of scans with a mask of the region to score.
    """

    split: Split
    kind: AnomalyClass
    scans: int
    patients: int
    patient_unknown: int
    shapes: Mapping[str, int]
    spacings: Mapping[str, int]
    modalities: Mapping[str, int]
    formats: Mapping[str, int]
    masks: int
    masks_empty: int
    regions: int


@dataclass(frozen=True)
class ScanInspection:
    """What a data set of scans is and what is wrong with it.

    Attributes:
        data_set: the datalist or the folder.
        places: a summary of the normal and of the abnormal scans of each split that has some.
        findings: errors first.
    """

    data_set: Path
    places: tuple[ScanPlaceSummary, ...]
    findings: tuple[Finding, ...]

    def count(self, severity: Severity) -> int:
        """Return the number of findings of a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values, for JSON."""
        return {
            "data_set": str(self.data_set),
            "places": [
                {"class" if key == "kind" else key: value for key, value in asdict(place).items()}
                for place in self.places
            ],
            "findings": [asdict(finding) for finding in self.findings],
            **{f"{severity}s": self.count(severity) for severity in SEVERITIES},
        }


def holds_scans(layout: BMADLayout) -> bool:
    """Return whether a folder in a layout of BMAD holds NIfTI or DICOM, not image files alone."""
    return any(path.suffix.lower() not in IMAGE_SUFFIXES for paths in layout.images.values() for path in paths)


def inspect_scans(path: str | os.PathLike[str]) -> ScanInspection:
    """Look at every scan and mask of a data set and say what is there and what is wrong with it.

    Scans are read one after the other, and none is kept. A bar on standard error shows how far it is. What keeps the
    data set from being listed at all, such as a patient in two splits, is found without reading.

    Args:
        path: a datalist, or a folder in a layout of BMAD.

    Raises:
        DatasetError: it is not there, or cannot be understood at all.
    """
    path = Path(path).expanduser()
    findings: list[Finding] = []
    items: list[DataSetItem] = []
    told: set[str] = set()
    if not path.is_file():
        find_bmad_layout(path)  # raises where none fits
    for split in SPLITS:
        try:
            items += load_data_set(path, split)
        except EmptySplitError as error:
            findings.append(Finding("warning", "split-empty", str(error)))
        except DatasetError as error:
            told.update(str(error).splitlines())
    findings += [Finding("error", "files", line) for line in sorted(told)]
    scans = [read_scan_facts(item) for item in tqdm(items, desc="reading", unit="scan", disable=None)]
    findings += find_scan_problems(scans, Path(os.path.abspath(path if path.is_dir() else path.parent)))  # noqa: PTH100
    return ScanInspection(
        data_set=path,
        places=tuple(_summarise(scans)),
        findings=tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))),
    )


def _summarise(scans: Iterable[ScanFacts]) -> Iterable[ScanPlaceSummary]:
    places: dict[tuple[Split, AnomalyClass], list[ScanFacts]] = {}
    for scan in scans:
        places.setdefault((scan.item["split"], "Ungood" if scan.item["abnormal"] else "good"), []).append(scan)
    for split, kind in sorted(places, key=lambda place: (SPLITS.index(place[0]), place[1] == "Ungood")):
        there = places[split, kind]
        read = [scan for scan in there if not scan.problem]
        known = [scan.item["patient"] for scan in there if scan.item["patient"] is not None]
        labels = [scan.label for scan in read if scan.label is not None and not scan.label.problem]
        yield ScanPlaceSummary(
            split=split,
            kind=kind,
            scans=len(there),
            patients=len(set(known)),
            patient_unknown=len(there) - len(known),
            shapes=_count(" x ".join(map(str, scan.shape)) for scan in read),
            spacings=_count(" x ".join(f"{length:.3g}" for length in scan.spacing) for scan in read),
            modalities=_count(scan.modality for scan in read),
            formats=_count(scan.format for scan in read),
            masks=sum("label" in scan.item for scan in there),
            masks_empty=sum(not label.inside for label in labels),
            regions=sum("region" in scan.item for scan in there),
        )


def _count(values: Iterable[str]) -> dict[str, int]:
    """Return how often each value occurs, the most frequent first."""
    return dict(Counter(values).most_common())
