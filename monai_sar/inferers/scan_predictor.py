"""From the path of a scan to its result, with the parts that a bundle's inference config defines."""

import hashlib
import os
import resource
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser
from monai.inferers import Inferer
from monai.transforms import Compose

from monai_sar._root_cause import root_cause
from monai_sar.inferers.anomaly_result import AnomalyResult, Provenance
from monai_sar.networks.anomaly_detector import AnomalyDetector, read_checkpoint, saved_with

__all__ = ["BundleError", "ScanPredictor", "checkpoint_sha256"]


class BundleError(ValueError):
    """A folder is not a bundle that can predict: the message says what is missing."""


def checkpoint_sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a checkpoint's file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _config_of(saved: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint was trained with, under the names of a bundle's settings."""
    settings = saved["settings"]
    encoder, network = settings["encoder"], settings["network"]
    preprocessing = {key: value for key, value in settings["preprocessing"].items() if key != "modality"}
    config = {
        "encoder_name": encoder["model_name"],
        "encoder_layers": encoder["layers"],
        **{key: settings[key] for key in ("image_size", "keep_aspect_ratio", "standardize")},
        **{key: value for key, value in network.items() if key not in ("spatial_dims", "in_channels")},
        **preprocessing,
    }
    # weights from a file are the caller's to give
    return config if saved["encoder_weights"] == "file" else {**config, "encoder_weights": saved["encoder_weights"]}


class ScanPredictor:
    """Runs the preprocessing, the inferer and the postprocessing of a bundle on one scan at a time.

    These are the very components that ``python -m monai.bundle run inference`` runs, so both give the same map.

    Args:
        network: the detector, with its checkpoint loaded.
        preprocessing: path under ``image`` -> preprocessed scan in display orientation.
        inferer: slices -> maps.
        postprocessing: ``pred`` -> the scan's own grid, a copy in display orientation under ``display_map``.
        checkpoint_sha256: of the checkpoint's file.
        threshold: score above which a voxel is flagged.
        amp: mixed precision.
    """

    def __init__(
        self,
        network: AnomalyDetector,
        *,
        preprocessing: Callable[[Any], Any],
        inferer: Inferer,
        postprocessing: Callable[[Any], Any],
        checkpoint_sha256: str,
        threshold: float | None = None,
        amp: bool = False,
    ) -> None:
        self.network = network.eval()
        self.preprocessing = preprocessing
        self.inferer = inferer
        self.postprocessing = postprocessing
        self.checkpoint_sha256 = checkpoint_sha256
        self.threshold = threshold
        self.amp = amp

    @classmethod
    def from_bundle(cls, bundle: str | os.PathLike[str], **overrides: Any) -> "ScanPredictor":
        """Build from ``configs/inference.yaml`` (or ``.json``) and ``models/model.pt`` of a bundle.

        Args:
            bundle: folder of the bundle.
            overrides: settings of the inference config, such as ``encoder_weights="dinov3.pth"``.

        Raises:
            BundleError: no such bundle, or a setting that it does not have.
            CheckpointError: no checkpoint, or one that was trained with other settings.
        """
        root = Path(bundle)
        configs = [root / "configs" / name for name in ("inference.yaml", "inference.yml", "inference.json")]
        config = next((path for path in configs if path.is_file()), None)
        if config is None:
            raise BundleError(f"'{root}' is not the folder of a bundle: it has no configs/inference.yaml.")
        parser = ConfigParser()
        parser.read_config(str(config))
        unknown = sorted(overrides.keys() - parser.get().keys())
        if unknown:
            raise BundleError(f"{config} has no setting {', '.join(map(repr, unknown))}.")
        parser.update({"bundle_root": str(root), **overrides})
        checkpoint = parser.get_parsed_content("ckpt_path")
        trained_with = _config_of(saved_with(read_checkpoint(checkpoint)))
        parser.update({key: value for key, value in trained_with.items() if key not in overrides})
        parser.parse(reset=True)
        network = parser.get_parsed_content("network")
        network.load_checkpoint(checkpoint)
        # saving is the caller's affair
        steps = parser.get_parsed_content("postprocessing").transforms
        return cls(
            network,
            preprocessing=parser.get_parsed_content("preprocessing"),
            inferer=parser.get_parsed_content("inferer"),
            postprocessing=Compose([step for step in steps if not getattr(step, "writes_files", False)]),
            checkpoint_sha256=checkpoint_sha256(checkpoint),
            threshold=parser.get_parsed_content("threshold"),
            amp=bool(parser.get_parsed_content("amp")),
        )

    @property
    def identity(self) -> dict[str, Any]:
        """What a result depends on besides the scan; JSON-able."""
        return {
            "settings": self.network.settings,
            "checkpoint_sha256": self.checkpoint_sha256,
            "threshold": self.threshold,
        }

    def __call__(self, path: str | os.PathLike[str]) -> AnomalyResult:
        """Map the anomalies of one scan: a NIfTI file, a DICOM file or folder, an image or a folder of them.

        Raises:
            ScanError: the scan cannot be read without guessing.
        """
        return self.run(self.prepare(path))

    def prepare(self, path: str | os.PathLike[str]) -> dict[str, Any]:
        """Read and preprocess a scan.

        Returns:
            An item for :meth:`run`; the ``meta`` of its ``image`` says what is known of the scan.

        Raises:
            ScanError: the scan cannot be read without guessing.
        """
        try:
            return dict(self.preprocessing({"image": str(path)}))
        except RuntimeError as error:  # MONAI's Compose wraps what its transforms raise
            raise root_cause(error) from error

    def run(self, item: Mapping[str, Any]) -> AnomalyResult:
        """Map the anomalies of a scan that :meth:`prepare` prepared."""
        start = time.perf_counter()
        item = dict(item)
        device = self.network.encoder.mean.device
        with torch.inference_mode(), torch.autocast(device.type, enabled=self.amp):
            item["pred"] = self.inferer(item["image"][None].to(device), self.network)[0]
        item = self.postprocessing(item)
        provenance = Provenance(
            settings=self.network.settings,
            checkpoint_sha256=self.checkpoint_sha256,
            device=str(device),
            runtime_s=round(time.perf_counter() - start, 3),
            peak_memory_mib=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        )
        return AnomalyResult.from_item(item, provenance=provenance, threshold=self.threshold)
