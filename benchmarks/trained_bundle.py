"""Our detectors, as users train them: the bundle's own training, in a process of its own."""

import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from monai_sar.networks import AnomalyDetector
from monai_sar.settings.bundle_config import read_bundle_config

__all__ = ["TrainedBundle", "train_bundle", "training_settings"]


class TrainedBundle(NamedTuple):
    """A detector with the weights that a training left, and what the training took."""

    detector: AnomalyDetector
    cpu_seconds: float
    kept_bytes: int


def training_settings(work: Path, **settings: Any) -> dict[str, Any]:
    """Settings of a bundle's training config whose embeddings are kept in ``work``."""
    return {**settings, "feature_dir": str(work / "features")}


def train_bundle(bundle: str, folder: Path, settings: Mapping[str, Any]) -> TrainedBundle:
    """Train in ``folder``; what is finished there is taken as it is.

    Args:
        bundle: its folder.
        folder: for checkpoints and curves.
        settings: of its training config, such as ``seed`` and ``mode``.

    Raises:
        RuntimeError: the training failed.
    """
    settings = {**settings, "ckpt_dir": str(folder / "models"), "output_dir": str(folder / "output")}
    options = [text for key, value in settings.items() for text in (f"--{key}", str(value))]
    command = [sys.executable, "-m", "monai.bundle", "run", "training", "--bundle_root", bundle]
    command += ["--config_file", f"{bundle}/configs/train.yaml", *options]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"Training {folder.name} failed:\n{done.stderr[-2000:]}")
    checkpoint = folder / "models" / "model.pt"
    parser = read_bundle_config(bundle, "train", parts=["network"], overrides=settings)
    detector: AnomalyDetector = parser.get_parsed_content("network")
    detector.load_checkpoint(checkpoint)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return TrainedBundle(detector.eval(), seconds, checkpoint.stat().st_size)
