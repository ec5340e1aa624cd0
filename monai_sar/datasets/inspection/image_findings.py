"""What is wrong with single images of a data set, or worth knowing about them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from monai_sar.datasets.inspection.finding import Finding, about
from monai_sar.datasets.inspection.image_facts import COLOURED, ImageFacts

__all__ = ["find_image_problems", "find_unknown_patients"]


def find_image_problems(images: Sequence[ImageFacts], root: Path) -> list[Finding]:
    """Find images that cannot be read, show nothing, hold colours or are lossy."""
    reasons = {image.path: image.problem for image in images if image.problem}
    return [
        *about(
            reasons,
            root,
            "error",
            "image-unreadable",
            f"found images that cannot be read: FILES; expected all to be. The first: {_first(reasons)}",
        ),
        *about(
            (image.path for image in images if image.constant),
            root,
            "warning",
            "image-constant",
            "found images of one single value, such as all black: FILES; expected each to show something. "
            "Remove them, with their masks.",
        ),
        *about(
            (image.path for image in images if image.pixels == COLOURED),
            root,
            "warning",
            "image-coloured",
            'found images with colours: FILES; expected grey or the "bone" colour map, because training '
            "refuses others. Save them as grey, or train with --color as_stored.",
        ),
        *about(
            (image.path for image in images if image.lossy),
            root,
            "note",
            "image-lossy",
            "found JPEG-compressed images: FILES; expected lossless ones where there is a choice, because a "
            "detector may tell blocks from no blocks instead of normal from abnormal. See in the table whether a "
            "class or a split alone is JPEG.",
        ),
    ]


def find_unknown_patients(patients: Mapping[Path, str | None], root: Path) -> list[Finding]:
    """Say of which images nothing tells the patient."""
    return about(
        (image for image, patient in patients.items() if patient is None),
        root,
        "note",
        "patient-unknown",
        "found images of which nothing tells the patient: FILES; expected to know whether a patient is in two "
        "splits, which was not checked for these. List file and patient of all images in manifest.csv.",
    )


def _first(reasons: Mapping[Path, str]) -> str:
    return next(iter(reasons.values()), "")
