"""What is wrong with the files of a data set as a whole: splits, names, pairs, the manifest."""

from collections.abc import Iterable
from pathlib import Path

from monai_sar.datasets.bmad import find_bmad_problems
from monai_sar.datasets.bmad_folder import BMADLayout
from monai_sar.datasets.bmad_layouts import SPLITS
from monai_sar.datasets.inspection.finding import Finding, about
from monai_sar.datasets.patients import MANIFEST, read_manifest
from monai_sar.scans.listed_path import listed_path, path_key

__all__ = ["find_dataset_problems", "find_manifest_problems"]

_READ_BY = {"train": "training", "valid": "training", "test": "evaluation"}


def find_dataset_problems(layout: BMADLayout) -> list[Finding]:
    """Find empty splits, images in places that the layout does not know, and images and masks that do not pair."""
    findings = []
    for split in SPLITS:
        if any(place[0] == split for place in (*layout.images, *layout.masks)):
            findings += [Finding("error", "files", problem) for problem in find_bmad_problems(layout, split)]
        else:
            how = (
                "and arrange all as in layout A, because F has no place for them"
                if layout.name == "F"
                else "before it does"
            )
            findings.append(
                Finding(
                    "warning",
                    "split-empty",
                    f"found no {split} images; expected some, because {_READ_BY[split]} reads them. Add them {how}.",
                )
            )
    return findings + about(
        layout.unused,
        layout.root,
        "warning",
        "image-misplaced",
        f"found images where layout {layout.name} has none: FILES; expected {layout.layout.picture}. Nothing "
        "reads these: move them, or remove them.",
    )


def find_manifest_problems(images: Iterable[Path], root: Path) -> list[Finding]:
    """Hold ``manifest.csv``, where there is one, against the files.

    Raises:
        DatasetError: the manifest cannot be used.
    """
    manifest = read_manifest(root)
    if manifest is None:
        return []
    return [
        *about(
            (image for image in images if path_key(str(image.absolute()), root) not in manifest),
            root,
            "warning",
            "manifest-lacks-image",
            f"found images that {MANIFEST} does not list: FILES; expected all, because it alone tells the "
            "patients. Add them to it.",
        ),
        *about(
            (listed_path(file, root) for file in manifest if not listed_path(file, root).exists()),
            root,
            "warning",
            "manifest-lists-missing",
            f"found files in {MANIFEST} that are not there: FILES; expected all. Get them again, or remove their rows.",
        ),
    ]
