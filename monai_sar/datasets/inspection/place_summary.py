"""One class of one split in numbers."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from monai_sar.datasets.bmad_layouts import AnomalyClass, Split
from monai_sar.datasets.inspection.image_facts import ImageFacts
from monai_sar.datasets.inspection.mask_facts import MaskFacts

__all__ = ["PlaceSummary", "summarise_places"]


@dataclass(frozen=True)
class PlaceSummary:
    """What one class of one split consists of.

    Attributes:
        split: "train", "valid" or "test".
        kind: "good" or "Ungood".
        images: number of images.
        patients: number of known patients.
        patient_unknown: number of images of which nothing tells the patient.
        sizes: rows x columns -> number of images.
        pixels: bit depth and colour -> number of images.
        formats: file format -> number of images.
        lossy: number of JPEG-compressed images.
        masks: number of images with a mask.
        masks_empty: number of these whose mask shows no lesion.
    """

    split: Split
    kind: AnomalyClass
    images: int
    patients: int
    patient_unknown: int
    sizes: Mapping[str, int]
    pixels: Mapping[str, int]
    formats: Mapping[str, int]
    lossy: int
    masks: int
    masks_empty: int


def summarise_places(
    images: Sequence[ImageFacts], masks: Sequence[MaskFacts], patients: Mapping[Path, str | None]
) -> tuple[PlaceSummary, ...]:
    """Sum up each class of each split that has images.

    Args:
        images: all images.
        masks: the masks that have an image.
        patients: the patient of each image, None where unknown.
    """
    places = dict.fromkeys((image.split, image.kind) for image in images)
    return tuple(
        _summarise(
            [image for image in images if (image.split, image.kind) == place],
            [mask for mask in masks if (mask.split, mask.kind) == place],
            patients,
        )
        for place in places
    )


def _summarise(
    images: Sequence[ImageFacts], masks: Sequence[MaskFacts], patients: Mapping[Path, str | None]
) -> PlaceSummary:
    """Sum up the images and masks of one place; there is at least one image."""
    readable = [image for image in images if not image.problem]
    known = [patient for image in images if (patient := patients[image.path]) is not None]
    return PlaceSummary(
        split=images[0].split,
        kind=images[0].kind,
        images=len(images),
        patients=len(set(known)),
        patient_unknown=len(images) - len(known),
        sizes=_count(f"{image.size[0]} x {image.size[1]}" for image in readable),
        pixels=_count(image.pixels for image in readable),
        formats=_count(image.format for image in readable),
        lossy=sum(image.lossy for image in readable),
        masks=len(masks),
        masks_empty=sum(not mask.lesion and not mask.problem for mask in masks),
    )


def _count(values: Iterable[str]) -> dict[str, int]:
    """Return how often each value occurs, the most frequent first."""
    return dict(Counter(values).most_common())
