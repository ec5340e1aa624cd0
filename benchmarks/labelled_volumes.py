"""Whole volumes as they are compared: what is seen, where lesions are, and where a score means something."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from monai.transforms import Compose
from torch import Tensor

from monai_sar.networks import AnomalyDetector
from monai_sar.transforms import EmptyMaskd, FieldOfView

__all__ = ["LabelledVolume", "load_labelled_volume", "shown_slices"]


class LabelledVolume(NamedTuple):
    """One volume at its own resolution, rows, columns and slices as displayed.

    Attributes:
        image: ``[H, W, D]``, intensities in [0, 1].
        lesion: ``[H, W, D]``, boolean.
        region: ``[H, W, D]``, boolean: where a score means something.
        apart: mm between the centres of two slices.
        shown: indices along D of the S slices that show something; the others are not scored.
        view: which part of the slices is encoded.
        intensity: ``[S, 1, h, w]``, mean of every patch.
    """

    image: Tensor
    lesion: Tensor
    region: Tensor
    apart: float
    shown: list[int]
    view: FieldOfView
    intensity: Tensor


def load_labelled_volume(item: Mapping[str, Any], preprocessing: Compose, detector: AnomalyDetector) -> LabelledVolume:
    """Prepare a scan as a bundle does.

    Args:
        item: of a data set.
        preprocessing: of the bundle.
        detector: of the bundle, whose patches count.
    """
    prepared = Compose([preprocessing, EmptyMaskd("label")])(dict(item))
    image, lesion, region = (torch.as_tensor(prepared[key]).as_subclass(Tensor) for key in ("image", "label", "region"))
    shown, view = shown_slices(prepared), FieldOfView.of(prepared["image"])
    return LabelledVolume(
        image.float().mean(0),
        lesion[0] != 0,
        region[0] != 0,
        float(prepared["image"].pixdim[-1]),
        shown,
        view,
        detector.patch_intensity(view.cut(image.movedim(-1, 0)[shown])),
    )


def shown_slices(prepared: Mapping[str, Any]) -> list[int]:
    """Slices that show something, which are those that :class:`monai_sar.inferers.VolumeInferer` scores.

    Args:
        prepared: a scan; ``image`` ``[C, H, W, D]``.
    """
    slices = torch.as_tensor(prepared["image"]).as_subclass(Tensor).movedim(-1, 0)
    view = FieldOfView.of(prepared["image"])
    return [index for index, image in enumerate(slices) if view.shows_something(image)]
