"""What is wrong with the masks of a data set, or worth knowing about them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from monai_sar.datasets.inspection.finding import Finding, about
from monai_sar.datasets.inspection.image_facts import ImageFacts
from monai_sar.datasets.inspection.mask_facts import MaskFacts

__all__ = ["find_mask_problems"]


def find_mask_problems(masks: Sequence[MaskFacts], images: Mapping[Path, ImageFacts], root: Path) -> list[Finding]:
    """Find masks that do not fit their image or its class. Which pair at all is not looked at here.

    Args:
        masks: the masks that have an image.
        images: the images, by path.
        root: the folder of the data set.
    """
    reasons = {mask.path: mask.problem for mask in masks if mask.problem}
    readable = [mask for mask in masks if not mask.problem]
    return [
        *about(
            reasons,
            root,
            "error",
            "mask-unreadable",
            "found masks that cannot be read: FILES; expected all to be. The first: "
            + next(iter(reasons.values()), ""),
        ),
        *_find_wrong_sizes([mask for mask in readable if not images[mask.image].problem], images, root),
        *about(
            (mask.path for mask in readable if mask.kind == "good" and mask.lesion),
            root,
            "error",
            "mask-of-good",
            "found good images whose mask is not empty: FILES; expected no lesion in a normal image. Move "
            "image and mask to Ungood, or remove the mask.",
        ),
        *about(
            (mask.path for mask in readable if mask.kind == "Ungood" and not mask.lesion),
            root,
            "warning",
            "mask-empty",
            "found Ungood images with an empty mask: FILES; expected a lesion in each. BMAD's brain set has "
            "some: they count as abnormal per image and as normal per pixel. Complete the masks, or leave these "
            "images out.",
        ),
        *about(
            (mask.path for mask in readable if mask.levels > 2),
            root,
            "note",
            "mask-levels",
            "found masks with more than two values: FILES; expected 0 and one other. They are read as lesion "
            "wherever they are not black (JPEG: from half of the range on). Resize masks with the nearest neighbour.",
        ),
    ]


def _find_wrong_sizes(masks: Sequence[MaskFacts], images: Mapping[Path, ImageFacts], root: Path) -> list[Finding]:
    wrong = [mask for mask in masks if mask.size != images[mask.image].size]
    sizes = [f"{height} x {width}" for mask in wrong[:1] for height, width in (mask.size, images[mask.image].size)]
    return about(
        (mask.path for mask in wrong),
        root,
        "error",
        "mask-size",
        f"found masks of another size than their image: FILES; the first is {', its image '.join(sizes)}; expected "
        "the rows and columns of the image. Export both from the same slice, and resize neither alone.",
    )
