"""What made a map."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_sar.networks.anomaly_detector import AnomalyDetector

__all__ = ["Provenance", "checkpoint_sha256"]


def checkpoint_sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a checkpoint's file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Provenance:
    """What made a map.

    Attributes:
        settings: of the detector: encoder with the SHA-256 of its weights, network, preprocessing.
        checkpoint_sha256: of the checkpoint's file.
        device: "cpu", "cuda:0", ...
        amp: whether in mixed precision.
        runtime_s: seconds from the prepared scan in memory to its map; None where it was not measured.
        peak_memory_mib: the most memory the process has held so far; None where it was not measured.
    """

    settings: Mapping[str, Any]
    checkpoint_sha256: str
    device: str
    amp: bool
    runtime_s: float | None = None
    peak_memory_mib: float | None = None

    @classmethod
    def of(
        cls, detector: AnomalyDetector, *, checkpoint_sha256: str, amp: bool, **measured: float | None
    ) -> "Provenance":
        """What a map is made with by this detector, where it is now.

        Args:
            detector: with its checkpoint loaded.
            checkpoint_sha256: of the checkpoint's file.
            amp: whether in mixed precision.
            measured: ``runtime_s`` and ``peak_memory_mib``.
        """
        return cls(
            settings=detector.settings,
            checkpoint_sha256=checkpoint_sha256,
            device=str(detector.encoder.mean.device),
            amp=amp,
            **measured,
        )
