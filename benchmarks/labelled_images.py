"""A data set as the methods that are compared see it: embeddings, encoded once, and the images they came from."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch
from monai.transforms import Compose
from torch import Tensor

from monai_sar.datasets import load_data_set
from monai_sar.engines import images_digest
from monai_sar.features import FeatureDataset
from monai_sar.networks import AnomalyDetector
from monai_sar.settings.bundle_config import read_bundle_config
from monai_sar.transforms import EmptyMaskd, FieldOfView

__all__ = ["LabelledImage", "LabelledSet", "load_labelled_set"]


class LabelledImage(NamedTuple):
    """One image of the split, at its own resolution.

    Attributes:
        image: ``[1, H, W]``, intensities in [0, 1].
        lesion: ``[1, H, W]``, boolean.
        region: ``[1, H, W]``, boolean: where a score means something.
        abnormal: whether it is labelled so.
        view: which part of it is encoded.
        features: ``[1, C, h, w]``, float16.
    """

    image: Tensor
    lesion: Tensor
    region: Tensor
    abnormal: bool
    view: FieldOfView
    features: Tensor


class LabelledSet(NamedTuple):
    """A data set and who encoded it.

    Attributes:
        train: embeddings ``[N, C, h, w]``, float16.
        images: of a split, labelled.
        detector: of the bundle, not trained.
        depends_on: what all figures that are measured here depend on, whatever the method; JSON-able.
    """

    train: Tensor
    images: list[LabelledImage]
    detector: AnomalyDetector
    depends_on: dict[str, Any]


def load_labelled_set(bundle: str, split: Literal["valid", "test"], settings: Mapping[str, Any]) -> LabelledSet:
    """Prepare and encode as a bundle does; embeddings come from, and go to, its store.

    Args:
        bundle: its folder.
        split: "valid" or "test".
        settings: of its training config.
    """
    parser = read_bundle_config(bundle, "train", parts=["train", "network", "preprocessing"], overrides=settings)
    train: FeatureDataset = parser.get_parsed_content("train#dataset")
    detector: AnomalyDetector = parser.get_parsed_content("network")
    preprocessing: Compose = parser.get_parsed_content("preprocessing")
    items = load_data_set(settings["dataset_dir"], split)
    features = FeatureDataset(
        items, preprocessing, detector=detector, cache_dir=settings["feature_dir"], slices=lambda item: [0]
    )
    prepare = Compose([preprocessing, EmptyMaskd("label")])
    images = [_labelled(prepare(dict(item)), grid["features"]) for item, grid in zip(items, features, strict=True)]
    depends_on = {
        "split": split,
        "images": _digest(images),
        "train_images": images_digest(train.data),
        "detector": detector.settings,
    }
    return LabelledSet(torch.stack([grid["features"].half() for grid in train]), images, detector, depends_on)


def _labelled(prepared: Mapping[str, Any], features: Tensor) -> LabelledImage:
    image, lesion, region = (
        torch.as_tensor(prepared[key]).as_subclass(Tensor)[..., 0] for key in ("image", "label", "region")
    )
    return LabelledImage(
        image.float().mean(0, True),
        lesion != 0,
        region != 0,
        bool(prepared["abnormal"]),
        FieldOfView.of(prepared["image"]),
        features[None].half(),
    )


def _digest(images: Sequence[LabelledImage]) -> str:
    """Name images by what is compared; their embeddings follow from it and from the detector's settings."""
    digest = hashlib.sha256()
    for image in images:
        digest.update(f"{tuple(image.image.shape)} {image.abnormal} ".encode())
        for values in (image.image, image.lesion, image.region):
            digest.update(values.contiguous().numpy().data)
    return f"{len(images)} images, SHA-256 {digest.hexdigest()[:32]}"
