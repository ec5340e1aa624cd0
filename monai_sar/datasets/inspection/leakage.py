"""The same picture or the same patient where it must not be."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

from monai_sar.datasets.bmad_layouts import SPLITS, Split
from monai_sar.datasets.inspection.finding import Finding, Severity, relative, some
from monai_sar.datasets.inspection.image_facts import ImageFacts

__all__ = ["find_duplicates", "find_shared_patients"]

_HARM = {
    ("train", "valid"): "the model has seen them, so early stopping comes too late",
    ("train", "test"): "the model has seen them, so figures come out too good",
    ("valid", "test"): "what is chosen on valid was chosen on them, so figures come out too good",
}

_COPIES: Mapping[str, tuple[Severity, str, str]] = {
    "picture-in-two-splits": (
        "error",
        "in two splits",
        "each in one, because figures on a picture that training or a choice has seen come out too good",
    ),
    "picture-in-two-classes": (
        "error",
        "both good and Ungood in one split",
        "each to be either normal or abnormal",
    ),
    "picture-twice": ("warning", "several times in one split", "each once, because copies count double"),
}
"""Code of a finding -> how bad it is, what was found, what was expected."""


def find_duplicates(images: Sequence[ImageFacts], root: Path) -> list[Finding]:
    """Find images that show the same picture, whatever their names and file formats.

    Constant images are left out: they are equal without being copies.
    """
    same: dict[str, list[ImageFacts]] = defaultdict(list)
    for image in images:
        if not image.problem and not image.constant:
            same[image.digest].append(image)
    copies: dict[str, list[list[ImageFacts]]] = defaultdict(list)
    for group in same.values():
        if len(group) > 1:
            copies[_where(group)].append(group)
    return [_copies_finding(where, groups, root) for where, groups in copies.items()]


def _where(group: Sequence[ImageFacts]) -> str:
    """Return the code of the finding that the copies of one picture belong to."""
    if len({image.split for image in group}) > 1:
        return "picture-in-two-splits"
    return "picture-in-two-classes" if len({image.kind for image in group}) > 1 else "picture-twice"


def _copies_finding(code: str, groups: Sequence[Sequence[ImageFacts]], root: Path) -> Finding:
    severity, where, expected = _COPIES[code]
    equal = some(" = ".join(relative((image.path for image in group), root)) for group in groups)
    return Finding(
        severity,
        code,
        f"found pictures that are {where}: {equal}; expected {expected}. Remove all but one of each.",
        relative((image.path for group in groups for image in group), root),
    )


def find_shared_patients(
    images: Sequence[ImageFacts], patients: Mapping[Path, str | None], root: Path
) -> list[Finding]:
    """Find patients with images in two splits. Normal and abnormal slices of a patient in one split are fine."""
    by_patient: dict[str, dict[Split, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for image in images:
        if (patient := patients[image.path]) is not None:
            by_patient[patient][image.split].append(image.path)
    findings = []
    for first, second in combinations(SPLITS, 2):
        shared = sorted(patient for patient, splits in by_patient.items() if first in splits and second in splits)
        if shared:
            files = [path for patient in shared for split in (first, second) for path in by_patient[patient][split]]
            instance = " and ".join(relative((by_patient[shared[0]][split][0] for split in (first, second)), root))
            findings.append(
                Finding(
                    "error",
                    f"patient-in-{first}-and-{second}",
                    f"found patients in both {first} and {second}: {some(shared)}, for instance {instance}; expected "
                    f"each patient in one split: {_HARM[first, second]}. Move all images of a patient to one split; if "
                    "the split must stay as published, say so beside every figure; if the names mislead, list file "
                    "and patient in manifest.csv.",
                    relative(files, root),
                )
            )
    return findings
