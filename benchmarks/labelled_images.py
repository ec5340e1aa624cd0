"""A data set as the methods that are compared see it: embeddings, encoded once, and the images they came from."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch
from monai.transforms import Compose
from torch import Tensor

from monai_sar.datasets import load_bmad_datalist
from monai_sar.features import FeatureDataset
from monai_sar.features.image_embedder import ImageEmbedder
from monai_sar.networks import AnomalyDetector
from monai_sar.settings.bundle_config import read_bundle_config
from monai_sar.transforms import LoadMaskd

__all__ = ["LabelledImage", "LabelledSet", "load_labelled_set"]


class LabelledImage(NamedTuple):
    """One image of the split, at its own resolution.

    Attributes:
        image: ``[1, H, W]``, intensities in [0, 1].
        lesion: ``[1, H, W]``, boolean.
        region: ``[1, H, W]``, boolean: where a score means something.
        abnormal: whether it is labelled so.
        features: ``[1, C, h, w]``, float16.
    """

    image: Tensor
    lesion: Tensor
    region: Tensor
    abnormal: bool
    features: Tensor


class LabelledSet(NamedTuple):
    """Training embeddings ``[N, C, h, w]`` (float16), the labelled images of a split, and who encoded them."""

    train: Tensor
    images: list[LabelledImage]
    detector: AnomalyDetector


def load_labelled_set(bundle: str, split: Literal["valid", "test"], settings: Mapping[str, Any]) -> LabelledSet:
    """Prepare and encode as a bundle does; the training embeddings come from, and go to, its store.

    Args:
        bundle: its folder.
        split: "valid" or "test".
        settings: of its training config.
    """
    parser = read_bundle_config(bundle, "train", parts=["train", "network", "preprocessing"], overrides=settings)
    dataset: FeatureDataset = parser.get_parsed_content("train#dataset")
    detector: AnomalyDetector = parser.get_parsed_content("network")
    train = torch.stack([dataset[index]["features"].half() for index in range(len(dataset))])
    prepare = Compose([parser.get_parsed_content("preprocessing"), LoadMaskd("label", image_key="image")])
    items = load_bmad_datalist(settings["dataset_dir"], split)
    return LabelledSet(train, _labelled(detector, prepare, items), detector)


def _labelled(detector: AnomalyDetector, prepare: Compose, items: Sequence[Mapping[str, Any]]) -> list[LabelledImage]:
    # the items are prepared here, and given to the embedder as they are
    embedder = ImageEmbedder(detector, lambda item: item, image_key="image", dtype=torch.float16)
    found = []
    for item in items:
        prepared = prepare(dict(item))
        image, lesion, region = (
            torch.as_tensor(prepared[key]).as_subclass(Tensor) for key in ("image", "label", "region")
        )
        features = embedder.embed([embedder.image(prepared)], [item])
        found.append(LabelledImage(image.float().mean(0, True), lesion != 0, region != 0, item["abnormal"], features))
    return found
