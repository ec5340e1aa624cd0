"""Embeddings of the slices of scans, encoded once and read from disk ever after."""

import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from monai.data import Dataset, MetaTensor
from torch import Tensor, distributed

from monai_sar._progress import progress_bar
from monai_sar.features.feature_store import FeatureStore
from monai_sar.features.image_embedder import ENCODER_BATCH, ImageEmbedder
from monai_sar.features.slice_choice import SliceChoice
from monai_sar.networks.anomaly_detector import AnomalyDetector
from monai_sar.scans.common_notes import CommonNotes
from monai_sar.scans.plain_tensor import plain_tensor
from monai_sar.scans.scan_origin import ScanOrigin
from monai_sar.transforms.field_of_view import FieldOfView
from monai_sar.transforms.random_transforms import random_transforms

__all__ = ["FeatureDataset"]

_logger = logging.getLogger(__name__)


class FeatureDataset(Dataset):
    """Scans as the embedding grids of their slices, for training the AR network.

    An item has ``features`` ``[C, h, w]``, float32; the mean ``intensity`` of every patch and which share of it lies in
    the ``region``, both ``[1, h, w]`` from 0 to 1.

    Every scan is read once, at construction, and its slices are encoded unless the :class:`FeatureStore` has their
    embeddings. They are found by the transformed slice itself, the encoder's weights and the preprocessing, and every
    file is compared with its checksum before training starts: what changed, is missing or damaged is encoded, and
    nothing else. The log tells about how much that will be, and warns where the disk is too small for it. Memory is
    that of one scan. Processes may share the folder; the ranks of one ``torch.distributed``
    group share the work too.

    Attribute ``scan_digests``: SHA-256 of each scan that slices were taken from, sorted.

    Args:
        data: items with the path of a scan under ``image``, as :func:`monai_sar.datasets.load_data_set` gives them.
        transform: item -> ``image`` ``[1 or 3, H, W, D]`` in [0, 1], ``region`` ``[1, H, W, D]`` and, where lesions are
            known, ``label`` likewise. Not random, because what is encoded once would be another slice every time.
        detector: whose :meth:`AnomalyDetector.embed` encodes, on the device where it is.
        cache_dir: folder of the feature store.
        store: ``"disk"``, or ``"memory"`` to write nothing and keep the embeddings, not rounded to float16, in memory.
        slices: which slices to take.

    Raises:
        ValueError: no scans, a random transform, nothing in the scans to learn from, or embeddings that are not finite
            or that float16 cannot hold.
        FeatureStoreError: the store cannot be written (a full disk).
    """

    def __init__(
        self,
        data: Sequence[Mapping[str, Any]],
        transform: Callable[[Any], Any],
        *,
        detector: AnomalyDetector,
        cache_dir: str | os.PathLike[str],
        store: str = "disk",
        slices: Callable[[Mapping[str, Any]], Sequence[int]] | None = None,
    ) -> None:
        if not data:
            raise ValueError("There are no scans to encode: the data list is empty.")
        if store not in ("disk", "memory"):
            raise ValueError(f"The feature store is {store!r}; expected 'disk' or 'memory'.")
        if random := random_transforms(transform):
            raise ValueError(
                f"Found {' and '.join(random)} in the preprocessing; expected no random transform, because each slice "
                "is encoded once. Remove it. Training varies embeddings instead: noise_probability and noise_scale."
            )
        super().__init__(data, transform)
        # a dataset that reads from disk keeps no encoder, so that workers need not copy it
        self._kept: _Disk | _Memory
        if store == "disk":
            self._kept = _Disk(FeatureStore(cache_dir, detector.embedding_settings))
        else:
            self._kept = _Memory(FeatureStore.key)
        dtype = torch.float16 if store == "disk" else torch.float32
        self._slices, self.scan_digests = _encode_all(
            self._kept, ImageEmbedder(detector, dtype=dtype), data, transform, slices or SliceChoice()
        )
        if not self._slices:
            raise ValueError(
                f"Found nothing to learn from in {len(data)} scans: no slice shows enough of the region and no lesion. "
                "Check the scans and their masks."
            )

    def __len__(self) -> int:
        """Number of slices."""
        return len(self._slices)

    def __getitem__(self, index: int) -> dict[str, Tensor]:  # type: ignore[override]
        """One slice."""
        kept = self._slices[index]
        return {"features": self._kept.read(kept.key).float(), "intensity": kept.intensity, "region": kept.region}

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """All slices in order."""
        return (self[index] for index in range(len(self)))


class _Disk:
    """Embeddings in a feature store."""

    def __init__(self, store: FeatureStore) -> None:
        self.store = store
        self.where = str(store.folder)
        self.damaged: list[str] = []

    def key(self, image: Tensor) -> str:
        return self.store.key(image)

    def has(self, key: str) -> bool:
        state = self.store.check(key)
        if state == "damaged" and key not in self.damaged:
            self.damaged.append(key)
        return state == "whole"

    def free_bytes(self) -> int:
        return self.store.free_bytes

    def require(self, size: int) -> None:
        self.store.require(size)

    def write(self, batch: Mapping[str, Tensor]) -> None:
        self.store.write(batch)

    def read(self, key: str) -> Tensor:
        return self.store.read(key)


class _Memory:
    """Embeddings in memory."""

    where = "memory"

    def __init__(self, key: Callable[[Tensor], str]) -> None:
        self.key = key
        self.damaged: list[str] = []
        self._features: dict[str, Tensor] = {}

    def has(self, key: str) -> bool:
        return key in self._features

    def free_bytes(self) -> float:
        return math.inf  # no system tells how much a process will be given

    def require(self, size: int) -> None:
        pass

    def write(self, batch: Mapping[str, Tensor]) -> None:
        self._features |= batch

    def read(self, key: str) -> Tensor:
        return self._features[key]


class _KeptSlice(NamedTuple):
    """A slice whose embeddings are kept under a name, and what its patches ``[1, h, w]`` show besides."""

    key: str
    intensity: Tensor
    region: Tensor


class _Slice(NamedTuple):
    """A slice that waits for its encoding."""

    key: str
    image: Tensor
    source: str


def _encode_all(
    kept: _Disk | _Memory,
    embedder: ImageEmbedder,
    data: Sequence[Mapping[str, Any]],
    transform: Callable[[Any], Any],
    choose: Callable[[Mapping[str, Any]], Sequence[int]],
) -> tuple[list[_KeptSlice], tuple[str, ...]]:
    """Read every scan and encode what is not kept yet.

    Returns:
        Every slice, scan by scan in the order of the data; SHA-256 of the scans.
    """
    started = time.perf_counter()
    slices: dict[int, list[_KeptSlice]] = {}
    digests: set[str] = set()
    waiting: list[_Slice] = []
    encoded = left_out = size = 0
    told = False
    notes = CommonNotes("to learn from")
    first = _first_of_rank(len(data))
    order = [*range(first, len(data)), *range(first)]
    for done, number in enumerate(progress_bar(order, task="Reading scans, encoding what is new", unit="scan")):
        # nothing but what is looked at: a bundle keeps pictures in an item, too
        prepared = transform(dict(data[number]))
        item = {key: prepared[key] for key in ("image", "region", "label") if key in prepared}
        del prepared
        image: MetaTensor = item["image"]
        if image.ndim != 4 or image.shape[0] not in (1, 3):
            raise ValueError(
                f"The transform makes {data[number]['image']} an array of shape {tuple(image.shape)}; expected 1 or 3 "
                "channels, rows, columns and slices."
            )
        chosen = choose(item)
        notes.add(image)
        left_out += image.shape[-1] - len(chosen)
        slices[number] = []
        view = FieldOfView.of(image)
        for z in chosen:
            # a copy, or a waiting slice would hold its whole scan
            pixels = view.cut(plain_tensor(image[None, ..., z]).to(torch.float32, copy=True))[0].contiguous()
            key = kept.key(pixels)
            region = view.cut(plain_tensor(item["region"][None, ..., z]))[0]
            slices[number].append(_KeptSlice(key, *embedder.patches(pixels, region)))
            if not any(key == other.key for other in waiting) and not kept.has(key):
                waiting.append(_Slice(key, pixels, str(data[number]["image"])))
                if not told:
                    _tell_size(kept, embedder.bytes_of(pixels), slices=len(chosen), scans=len(data) - done)
                    told = True
            if len(waiting) == ENCODER_BATCH:
                encoded, size = encoded + len(waiting), size + _encode(kept, embedder, waiting)
        if chosen and "sha256" in getattr(image, "meta", {}):
            digests.add(ScanOrigin.of(image).sha256)
        del item, image
    if waiting:
        encoded, size = encoded + len(waiting), size + _encode(kept, embedder, waiting)
    ordered = [each for number in range(len(data)) for each in slices[number]]
    _logger.info(
        "Took %d slices of %d scans, left out %d (lesions, too little to see). Encoded %d of them now (%.1f MiB in %s, "
        "%.0f s); the others were encoded before",
        len(ordered),
        len(data),
        left_out,
        encoded,
        size / 2**20,
        kept.where,
        time.perf_counter() - started,
    )
    notes.tell()
    if kept.damaged:
        _logger.warning("%d files in %s were damaged and are encoded again", len(kept.damaged), kept.where)
    return ordered, tuple(sorted(digests))


def _tell_size(kept: _Disk | _Memory, slice_bytes: int, *, slices: int, scans: int) -> None:
    """Say before the first encoding how much there will be, if all scans are like the first that has something new.

    Raises:
        FeatureStoreError: there is no room for the first batch.
    """
    kept.require(slice_bytes * min(ENCODER_BATCH, slices * scans))
    expected = slice_bytes * slices * scans
    _logger.info(
        "Embeddings take about %.1f MiB in %s (%d slices in each of %d scans)",
        expected / 2**20,
        kept.where,
        slices,
        scans,
    )
    if expected > kept.free_bytes():
        _logger.warning(
            "That is more than the %.1f MiB that are free there. Free some space, give another folder (feature_dir), "
            "or take fewer slices (slices_per_scan)",
            kept.free_bytes() / 2**20,
        )


def _encode(kept: _Disk | _Memory, embedder: ImageEmbedder, waiting: list[_Slice]) -> int:
    """Encode the slices that wait, except those that another process has written by then; they wait no longer."""
    absent = [each for each in waiting if not kept.has(each.key)]
    waiting.clear()
    if not absent:
        return 0
    features = embedder.embed([each.image for each in absent], [each.source for each in absent])
    kept.write(dict(zip((each.key for each in absent), features, strict=True)))
    return features.numel() * features.dtype.itemsize


def _first_of_rank(count: int) -> int:
    """Where a rank begins. Each goes round through all and skips what is written, so no rank waits for another."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return 0
    return distributed.get_rank() * count // distributed.get_world_size()
