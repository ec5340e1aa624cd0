"""Our detectors, as users train them: the bundle's own training, in a process of its own."""

import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.kept import Kept
from monai_sar.engines import RunFolder
from monai_sar.networks import AnomalyDetector
from monai_sar.settings.bundle_config import read_bundle_config

__all__ = ["PUBLISHED", "BundleTraining", "TrainedBundle", "training_settings"]

PUBLISHED: dict[str, Any] = {
    "feature_scaling": "none",
    "smoothing": 0.0,
    "mode": "causal",
    "dilations": [4, 4, 4, 4],
    "likelihood": "mse",
}
"""The settings of the paper, where bundles have others."""

# to be raised when the same images and settings give other weights than before
_FORMAT = 1


class TrainedBundle(NamedTuple):
    """A detector with the weights that a training left, and what the training took."""

    detector: AnomalyDetector
    cpu_seconds: float
    kept_bytes: int


def training_settings(work: Path, **settings: Any) -> dict[str, Any]:
    """Settings of a bundle's training config whose embeddings are kept in ``work``."""
    return {**settings, "feature_dir": str(work / "features")}


class BundleTraining:
    """A training that is kept in ``work/trained``, in a folder of its own for everything that it depends on.

    Args:
        bundle: its folder.
        work: for embeddings, checkpoints and curves.
        settings: of its training config, such as ``seed`` and ``mode``.

    Attributes:
        depends_on: what the bundle says that the course of a training depends on, and where it ends; JSON-able.
    """

    def __init__(self, bundle: str, work: Path, settings: Mapping[str, Any]) -> None:
        parser = read_bundle_config(bundle, "train", parts=["network", "run_folder"], overrides=settings)
        self._detector: AnomalyDetector = parser.get_parsed_content("network")
        run_folder: RunFolder = parser.get_parsed_content("run_folder")
        ends = {name: parser.get_parsed_content(name) for name in ("max_epochs", "early_stopping_patience")}
        self.depends_on = {"format": _FORMAT, **run_folder.settings, **ends}
        self._bundle, self._settings = bundle, settings
        self._kept = Kept(work / "trained", self.depends_on)

    def run(self) -> TrainedBundle:
        """Train, unless it is done; what was interrupted starts anew, because its time is measured.

        Raises:
            RuntimeError: the training failed.
        """
        cpu_seconds = self._kept.result(self._train)["cpu_seconds"]
        checkpoint = self._kept.folder / "models" / "model.pt"
        self._detector.load_checkpoint(checkpoint)
        return TrainedBundle(self._detector.eval(), cpu_seconds, checkpoint.stat().st_size)

    def _train(self) -> dict[str, float]:
        folder = self._kept.folder
        folders = {"ckpt_dir": str(folder / "models"), "output_dir": str(folder / "output")}
        settings = {**self._settings, **folders, "resume": False}
        options = [text for key, value in settings.items() for text in (f"--{key}", str(value))]
        command = [sys.executable, "-m", "monai.bundle", "run", "training", "--bundle_root", self._bundle]
        command += ["--config_file", f"{self._bundle}/configs/train.yaml", *options]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise RuntimeError(f"Training in {folder} failed:\n{done.stderr[-2000:]}")
        return {"cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}
