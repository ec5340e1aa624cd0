"""Embeddings of images, encoded once and read from disk ever after."""

import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from monai.data import Dataset
from torch import Tensor, distributed

from monai_sar._progress import progress_bar
from monai_sar.features.feature_store import FeatureStore, FeatureStoreError
from monai_sar.features.image_embedder import ENCODER_BATCH, ImageEmbedder
from monai_sar.networks.anomaly_detector import AnomalyDetector

__all__ = ["FeatureDataset"]

_logger = logging.getLogger(__name__)


class FeatureDataset(Dataset):
    """Image files as embedding grids ``{"features": [C, h, w] float32}`` for training the AR network.

    The frozen encoder sees every image once: at construction, unless the :class:`FeatureStore` has its embeddings.
    They are found by the transformed image itself, the encoder's weights and the preprocessing, and every file is
    compared with its checksum before training starts: what changed, is missing or damaged is encoded, and nothing
    else. Memory does not grow with the data set. Processes may share the folder; the ranks of one
    ``torch.distributed`` group share the work too.

    Args:
        data: items with an image path under ``image_key``, as :func:`monai_sar.datasets.load_bmad_datalist` gives them.
        transform: item -> item with an image ``[1 or 3, H, W]`` in [0, 1] under ``image_key``. Not random.
        detector: whose :meth:`AnomalyDetector.embed` encodes, on the device where it is.
        cache_dir: folder of the feature store.
        store: ``"disk"``, or ``"none"`` to write nothing and encode an image whenever it is asked for, in every
            epoch anew. The embeddings are then not rounded to float16, and a ``DataLoader`` should have no workers.
        image_key: of the items.

    Raises:
        ValueError: no items, or embeddings that are not finite or that float16 cannot hold.
        FeatureStoreError: the store cannot be written (a full disk), or an image that changes while it is read.
    """

    def __init__(
        self,
        data: Sequence[Mapping[str, Any]],
        transform: Callable[[Any], Any],
        *,
        detector: AnomalyDetector,
        cache_dir: str | os.PathLike[str],
        store: str = "disk",
        image_key: str = "image",
    ) -> None:
        if not data:
            raise ValueError("There are no images to encode: the data list is empty.")
        if store not in ("disk", "none"):
            raise ValueError(f"The feature store is {store!r}; expected 'disk' or 'none'.")
        super().__init__(data, transform)
        embedder = ImageEmbedder(
            detector, transform, image_key=image_key, dtype=torch.float16 if store == "disk" else torch.float32
        )
        # a dataset that reads from disk keeps no encoder, so that workers need not copy it
        self._grids: Callable[[Sequence[int]], list[Tensor]]
        if store == "disk":
            feature_store = FeatureStore(cache_dir, detector.embedding_settings)
            self._grids = partial(_read, feature_store, _fill(feature_store, embedder, data))
        else:
            self._grids = partial(_encode, embedder, data)
            _logger.info("No feature store: %d images are encoded in every epoch", len(data))

    def __len__(self) -> int:
        """Number of images."""
        return len(self.data)

    def __getitem__(self, index: int) -> dict[str, Tensor]:  # type: ignore[override]
        """The embeddings of one image."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Tensor]]:
        """The embeddings of several images, which a ``DataLoader`` asks for together."""
        return [{"features": grid} for grid in self._grids(indices)]

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """All images in order."""
        for start in range(0, len(self), ENCODER_BATCH):
            yield from self.__getitems__(range(start, min(start + ENCODER_BATCH, len(self))))


def _read(store: FeatureStore, keys: Sequence[str], indices: Sequence[int]) -> list[Tensor]:
    return [store.read(keys[index]).float() for index in indices]


def _encode(embedder: ImageEmbedder, data: Sequence[Mapping[str, Any]], indices: Sequence[int]) -> list[Tensor]:
    return [grid for batch in embedder.batches([data[index] for index in indices]) for grid in batch]


def _fill(store: FeatureStore, embedder: ImageEmbedder, data: Sequence[Mapping[str, Any]]) -> list[str]:
    """Encode what the store does not have; return the name of every image's embeddings in the store."""
    started = time.perf_counter()
    keys: list[str] = []
    absent: dict[str, int] = {}
    damaged: list[str] = []
    size = 0
    for index, item in enumerate(progress_bar(data, task="Looking for stored embeddings", unit="image")):
        image = embedder.image(item)
        key = store.key(image)
        keys.append(key)
        state = store.check(key)
        if state == "whole" or key in absent:
            continue
        absent[key] = index
        size += math.prod(embedder.shape(image)) * torch.float16.itemsize
        if state == "damaged":
            damaged.append(store.path(key).name)
    found, seconds = len(data) - len(absent), time.perf_counter() - started
    _logger.info("Found the embeddings of %d of %d images in %s (%.1f s)", found, len(data), store.folder, seconds)
    if damaged:
        _logger.warning(
            "%d files in %s are damaged and are encoded again, among them %s", len(damaged), store.folder, damaged[0]
        )
    if absent:
        _logger.info("Encoding %d images once: %.1f MiB of embeddings in %s", len(absent), size / 2**20, store.folder)
        store.write(_encoded(store, embedder, data, absent), size=size)
    return keys


def _encoded(
    store: FeatureStore, embedder: ImageEmbedder, data: Sequence[Mapping[str, Any]], absent: Mapping[str, int]
) -> Iterator[dict[str, Tensor]]:
    """Encode the absent images in batches, except those that another process has written by then."""
    keys = list(absent)
    first = _first_of_rank(len(keys))
    keys = keys[first:] + keys[:first]
    with progress_bar(task="Encoding images", unit="image", total=len(keys)) as bar:
        for start in range(0, len(keys), ENCODER_BATCH):
            chunk = keys[start : start + ENCODER_BATCH]
            batch = [key for key in chunk if store.check(key) != "whole"]
            items = [data[absent[key]] for key in batch]
            images = [embedder.image(item) for item in items]
            for key, image, item in zip(batch, images, items, strict=True):
                if store.key(image) != key:
                    raise FeatureStoreError(
                        f"{item[embedder.image_key]} gave other values when it was read a second time: the file was "
                        "changed meanwhile (start again), or the transform is random (augment in feature space "
                        "instead, with RandFeatureNoise)."
                    )
            if batch:
                yield dict(zip(batch, embedder.embed(images, items), strict=True))
            bar.update(len(chunk))


def _first_of_rank(count: int) -> int:
    """Where a rank begins. Each goes round through all and skips what is written, so no rank waits for another."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return 0
    return distributed.get_rank() * count // distributed.get_world_size()
