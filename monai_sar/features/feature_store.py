"""Embeddings on disk: one file for each image, found by what was encoded and how."""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from monai_sar._atomic import atomic_path, remove_leftovers
from monai_sar._full_disk import FullDiskError, full_disk_named

__all__ = ["FeatureStore", "FeatureStoreError"]

# to be raised when the same image and settings give other embeddings than before, or are written in another way
_FORMAT = 1


class FeatureStoreError(RuntimeError):
    """The feature store cannot be written or read: the message says why and what to do."""


class FeatureStore:
    """A folder of embedding grids ``[C, h, w]``, float16, one safetensors file for each image.

    A file is named for a hash of the very values that are encoded, in a subfolder named for a hash of the settings:
    another image or setting is another name, so nothing stale is ever found. Files appear whole, by renaming, and
    are never changed afterwards. Processes may therefore share a folder without locks, and one that is killed leaves
    whole files behind. Each file carries a SHA-256 of its content and of its own name.

    Args:
        folder: of all stores; created when something is written.
        settings: what the embeddings depend on besides the image; JSON-able. Written to ``settings.json``.
    """

    def __init__(self, folder: str | os.PathLike[str], settings: Mapping[str, Any]) -> None:
        self._settings = json.dumps({"format": _FORMAT, **settings}, sort_keys=True, indent=2)
        self.folder = Path(folder) / hashlib.sha256(self._settings.encode()).hexdigest()[:32]
        self._described = False
        self._remove_leftovers()

    @staticmethod
    def key(image: Tensor) -> str:
        """Name the embeddings of an image, a CPU tensor of what is encoded."""
        return _sha256("image", image)

    def path(self, key: str) -> Path:
        """The file of the embeddings of this name, whether it is there or not."""
        return self.folder / f"{key}.safetensors"

    def check(self, key: str) -> Literal["whole", "missing", "damaged"]:
        """Read a file to its end and compare it with its checksum."""
        try:
            features, checksum = self._open(key)
        except FileNotFoundError:
            return "missing"
        except (SafetensorError, OSError):
            return "damaged"
        whole = features.dtype == torch.float16 and checksum == self._checksum(key, features)
        return "whole" if whole else "damaged"

    def read(self, key: str) -> Tensor:
        """The embeddings ``[C, h, w]``, float16, memory-mapped; not compared with their checksum.

        Raises:
            FeatureStoreError: the file is missing, cut off or cannot be read.
        """
        try:
            return self._open(key)[0]
        except (SafetensorError, OSError) as error:
            raise FeatureStoreError(
                f"The embeddings in '{self.path(key)}' can no longer be read ({error}): the feature store was cleared "
                "or damaged while it was in use. Start again; what is missing is then encoded again."
            ) from error

    @property
    def free_bytes(self) -> int:
        """Free space where the store is, or will be."""
        return shutil.disk_usage(next(path for path in (self.folder, *self.folder.parents) if path.exists())).free

    def require(self, size: int) -> None:
        """Raise an error unless so many bytes are free.

        Raises:
            FeatureStoreError: they are not.
        """
        with self._explained(size), full_disk_named(self.folder):
            if self.free_bytes < size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def write(self, batch: Mapping[str, Tensor]) -> None:
        """Write embeddings in place of those of the same names.

        Args:
            batch: name -> embeddings ``[C, h, w]``, float16.

        Raises:
            FeatureStoreError: not enough free space, or a file cannot be written. The files that were written before
                are whole and stay.
        """
        size = sum(features.numel() * torch.float16.itemsize for features in batch.values())
        self.require(size)
        with self._explained(size):
            if not self._described:
                with atomic_path(self.folder / "settings.json") as partial:
                    partial.write_text(self._settings + "\n")
                self._described = True
            for key, features in batch.items():
                self._write(key, features)

    def _write(self, key: str, features: Tensor) -> None:
        features = features.to(torch.float16).contiguous()
        content = save({"features": features}, metadata={"sha256": self._checksum(key, features)})
        with atomic_path(self.path(key)) as partial:
            partial.write_bytes(content)

    def _open(self, key: str) -> tuple[Tensor, str]:
        with safe_open(self.path(key), framework="pt") as file:
            return file.get_tensor("features"), (file.metadata() or {}).get("sha256", "")

    def _checksum(self, key: str, features: Tensor) -> str:
        return _sha256(f"{self.folder.name}/{key}", features)

    @contextmanager
    def _explained(self, size: int) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            finding = (
                error.finding
                if isinstance(error, FullDiskError)
                else f"Cannot write to the feature store '{self.folder}': {error.strerror or error}."
            )
            raise FeatureStoreError(
                f"{finding} The next embeddings take {size / 2**20:.1f} MiB; {self.free_bytes / 2**20:.1f} MiB are "
                "free there. Free some space, give another folder (feature_dir), or keep them in memory "
                "(feature_store: memory). What is written already is kept and is not encoded again."
            ) from error

    def _remove_leftovers(self) -> None:
        remove_leftovers(self.folder.parent.glob("*"))


def _sha256(label: str, tensor: Tensor) -> str:
    digest = hashlib.sha256(f"{label} {tensor.dtype} {tuple(tensor.shape)} ".encode())
    digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()
