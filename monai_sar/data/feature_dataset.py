"""Embeddings of images, encoded once and read from disk ever after."""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import Dataset
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from monai_sar._atomic import atomic_path
from monai_sar.networks.anomaly_detector import AnomalyDetector

__all__ = ["FeatureDataset"]

_logger = logging.getLogger(__name__)
# images that are encoded together; more gain nothing on a CPU and little on a GPU
_ENCODER_BATCH = 16


class FeatureDataset(Dataset):
    """Image files as embedding grids ``{"features": [C, h, w] float32}`` for training the AR network.

    The frozen encoder sees every image once: at construction, unless a file of the same embeddings exists. That
    file is float16 and memory-mapped, so memory does not grow with the data set. Its name is a hash of the images'
    contents, the encoder's weights and the preprocessing: changed images or settings are never served stale.

    Args:
        data: items with an image path under ``image_key``, as :func:`load_bmad_datalist` gives them.
        transform: item -> item with an image ``[1 or 3, H, W]`` in [0, 1] under ``image_key``.
        detector: whose :meth:`AnomalyDetector.embed` encodes, on the device where it is.
        cache_dir: folder of the embedding files.
        image_key: of the items.

    Raises:
        ValueError: no items, or embeddings that float16 cannot hold.
    """

    def __init__(
        self,
        data: Sequence[Mapping[str, Any]],
        transform: Callable[[Any], Any],
        *,
        detector: AnomalyDetector,
        cache_dir: str | os.PathLike[str],
        image_key: str = "image",
    ) -> None:
        if not data:
            raise ValueError("There are no images to encode: the data list is empty.")
        super().__init__(data, transform)
        self.image_key = image_key
        path = Path(cache_dir) / f"{self._key(detector)[:32]}.npy"
        if path.is_file():
            _logger.info("Reading the embeddings of %d images from %s", len(data), path)
        else:
            self._encode(detector, path)
        self.features: NDArray[np.float16] = np.load(path, mmap_mode="r")

    def __len__(self) -> int:
        """Number of images."""
        return len(self.data)

    def __getitem__(self, index: int) -> dict[str, Tensor]:  # type: ignore[override]
        """The embeddings of one image."""
        return {"features": torch.from_numpy(self.features[index].astype(np.float32))}

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """All images in order."""
        return (self[index] for index in range(len(self)))

    def _key(self, detector: AnomalyDetector) -> str:
        digest = hashlib.sha256(json.dumps(detector.embedding_settings, sort_keys=True).encode())
        for item in self.data:
            digest.update(hashlib.sha256(Path(item[self.image_key]).read_bytes()).digest())
        return digest.hexdigest()

    def _encode(self, detector: AnomalyDetector, path: Path) -> None:
        progress = tqdm(total=len(self.data), desc="Encoding", unit="image", leave=False)
        with torch.inference_mode(), atomic_path(path) as partial, progress:
            stored: np.memmap[Any, Any] | None = None
            for start in range(0, len(self.data), _ENCODER_BATCH):
                items = self.data[start : start + _ENCODER_BATCH]
                features = self._embed(detector, items)
                if stored is None:
                    shape = (len(self.data), *features.shape[1:])
                    size = np.prod(shape) * 2 / 2**20
                    _logger.info("Encoding %d images once: %.0f MiB of embeddings in %s", shape[0], size, path)
                    stored = np.lib.format.open_memmap(partial, mode="w+", dtype=np.float16, shape=shape)
                stored[start : start + len(items)] = features
                progress.update(len(items))
            assert stored is not None  # noqa: S101 (the data list is not empty)
            stored.flush()

    def _embed(self, detector: AnomalyDetector, items: Sequence[Any]) -> NDArray[np.float16]:
        device = detector.encoder.mean.device
        # images may differ in size; in the box they are alike
        grids = [
            detector.letterbox(self.transform(item)[self.image_key][None].as_tensor().to(device)) for item in items
        ]
        features = detector.embed(torch.cat(grids))
        if not bool((features.abs() <= torch.finfo(torch.float16).max).all()):
            names = ", ".join(str(item[self.image_key]) for item in items[:3])
            raise ValueError(f"Embeddings of {names}, ... are not finite or too large for float16.")
        return features.to(torch.float16).cpu().numpy()
