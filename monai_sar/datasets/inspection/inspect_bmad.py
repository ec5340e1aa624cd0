"""Look at every file of a BMAD data set and say what is there and what is wrong with it."""

import os
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from monai_sar._progress import progress_bar
from monai_sar.datasets.bmad_folder import BMADLayout, DatasetError, find_bmad_layout
from monai_sar.datasets.bmad_layouts import CLASSES, SPLITS
from monai_sar.datasets.inspection.dataset_findings import find_dataset_problems, find_manifest_problems
from monai_sar.datasets.inspection.finding import SEVERITIES, Finding, Severity
from monai_sar.datasets.inspection.image_facts import ImageFacts, read_image_facts
from monai_sar.datasets.inspection.image_findings import find_image_problems, find_unknown_patients
from monai_sar.datasets.inspection.leakage import find_duplicates, find_shared_patients
from monai_sar.datasets.inspection.mask_facts import MaskFacts, masks_of_images, read_mask_facts
from monai_sar.datasets.inspection.mask_findings import find_mask_problems
from monai_sar.datasets.inspection.official_counts import find_official_counts
from monai_sar.datasets.inspection.place_summary import PlaceSummary, summarise_places
from monai_sar.datasets.patients import MANIFEST, find_naming, patients_of

__all__ = ["Inspection", "inspect_bmad"]


@dataclass(frozen=True)
class Inspection:
    """What a data set is and what is wrong with it.

    Attributes:
        layout: the layout that was found.
        patients_told_by: what tells the patients -> number of images: "manifest.csv", or the titles of namings.
        places: a summary of each class of each split that has images.
        findings: errors first.
    """

    layout: BMADLayout
    patients_told_by: Mapping[str, int]
    places: tuple[PlaceSummary, ...]
    findings: tuple[Finding, ...]

    def count(self, severity: Severity) -> int:
        """Return the number of findings of a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values, for JSON."""
        return {
            "data_set": str(self.layout.root),
            "layout": {"name": self.layout.name, "picture": self.layout.layout.picture},
            "patients_told_by": dict(self.patients_told_by),
            "places": [
                {"class" if key == "kind" else key: value for key, value in asdict(place).items()}
                for place in self.places
            ],
            "findings": [asdict(finding) for finding in self.findings],
            **{f"{severity}s": self.count(severity) for severity in SEVERITIES},
        }


def inspect_bmad(root: str | os.PathLike[str]) -> Inspection:
    """Look at every file of a BMAD data set and say what is there and what is wrong with it.

    All images and masks are read, several at a time, and none is kept. A bar on standard error shows how far it is.

    Args:
        root: the folder of one data set, such as the one that holds ``train`` and ``test``.

    Raises:
        DatasetError: the folder is not there or cannot be read, or no layout fits.
    """
    layout = find_bmad_layout(root)
    images, masks = _read(layout)
    paths = [image.path for image in images]
    findings = find_dataset_problems(layout)
    try:
        patients = patients_of(layout.root, paths)
        findings += find_manifest_problems(paths, layout.root)
    except DatasetError as error:
        patients = dict.fromkeys(paths)
        findings.append(Finding("error", "manifest-unusable", str(error)))
    findings += find_image_problems(images, layout.root)
    findings += find_mask_problems(masks, {image.path: image for image in images}, layout.root)
    findings += find_duplicates(images, layout.root)
    findings += find_shared_patients(images, patients, layout.root)
    findings += find_unknown_patients(patients, layout.root)
    findings += find_official_counts(Counter((image.split, image.kind) for image in images))
    return Inspection(
        layout=layout,
        patients_told_by=_told_by(layout.root, patients),
        places=summarise_places(images, masks, patients),
        findings=tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))),
    )


def _read(layout: BMADLayout) -> tuple[list[ImageFacts], list[MaskFacts]]:
    """Read all images, and the masks that belong to one."""
    places = [(split, kind) for split in SPLITS for kind in CLASSES if (split, kind) in layout.images]
    images = [(path, *place) for place in places for path in layout.images[place]]
    masks = [(mask, image, *place) for place in places for image, mask in masks_of_images(layout, *place).items()]
    with (
        ThreadPoolExecutor() as threads,
        progress_bar(task="Inspecting files", unit="file", total=len(images) + len(masks)) as bar,
    ):
        image_facts = []
        for image in threads.map(lambda arguments: read_image_facts(*arguments), images):
            image_facts.append(image)
            bar.update()
        mask_facts = []
        for mask in threads.map(lambda arguments: read_mask_facts(*arguments), masks):
            mask_facts.append(mask)
            bar.update()
    return image_facts, mask_facts


def _told_by(root: Path, patients: Mapping[Path, str | None]) -> dict[str, int]:
    """Return what tells the patients, and of how many images."""
    known = [path for path, patient in patients.items() if patient is not None]
    if (root / MANIFEST).is_file():
        return {MANIFEST: len(known)}
    return dict(Counter(naming.title for path in known if (naming := find_naming(path)) is not None))
