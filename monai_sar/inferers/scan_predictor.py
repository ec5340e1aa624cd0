"""From the path of a scan to its result, with the parts that a bundle's inference config defines."""

import hashlib
import json
import math
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from monai.bundle import ConfigParser
from monai.inferers import Inferer
from monai.transforms import Compose

from monai_sar._root_cause import root_cause
from monai_sar.data.scan_datalist import scan_item
from monai_sar.inferers.anomaly_result import AnomalyResult, Provenance
from monai_sar.networks.anomaly_detector import AnomalyDetector, CheckpointError, read_checkpoint, saved_with

__all__ = ["BundleError", "ScanPredictor", "checkpoint_sha256"]

PARTS = ("ckpt_path", "network", "preprocessing", "inferer", "postprocessing")
"""What an inference config must define."""

MASKS = ("image_suffix", "lesion_suffix", "region_suffix")
"""How it may say which masks belong to a scan."""


class BundleError(ValueError):
    """A folder is not a bundle that can predict: the message says what is missing."""


def checkpoint_sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a checkpoint's file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _trained_with(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a checkpoint was trained with, under the names of a bundle's settings.

    Raises:
        CheckpointError: it does not say so, or says more: a config runs text such as ``$import os``, and a checkpoint
            that somebody sent must not bring code along.
    """
    try:
        saved = saved_with(read_checkpoint(path))
        settings = saved["settings"]
        encoder, network = settings["encoder"], settings["network"]
        # how image files are read is no choice where scans are read: another reading is a mismatch, and told
        fixed = ("modality", "color", "intensity")
        preprocessing = {key: value for key, value in settings["preprocessing"].items() if key not in fixed}
        config = {
            "encoder_name": encoder["model_name"],
            "encoder_layers": encoder["layers"],
            **{key: settings[key] for key in ("image_size", "keep_aspect_ratio", "standardize")},
            **{key: value for key, value in network.items() if key not in ("spatial_dims", "in_channels")},
            **preprocessing,
            "encoder_weights": saved["encoder_weights"],
        }
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointError(f"'{path}' does not say what it was trained with; it is damaged, or too old.") from error
    for key, value in config.items():
        if not (key.isidentifier() and _is_plain(value)):  # "inferer::_target_" names a part of a component
            raise CheckpointError(
                f"'{path}': its setting {key!r} has no plain name and value, so it is not used; do not trust it."
            )
    return config


def _weights_file(checkpoint: Any, parser: ConfigParser) -> Any:
    given = parser.get("encoder_weights")
    if given in (None, "hub", "random"):
        raise CheckpointError(
            f"'{checkpoint}' was trained with encoder weights from a file, so give that file: encoder_weights=PATH, on "
            "the command line --encoder-weights PATH (or 'hub', if it is the published one)."
        )
    return given


def _is_plain(value: Any) -> bool:
    """Whether a value means itself to a config: numbers, names, lists of them; no expression, reference or object."""
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, str):
        return re.fullmatch(r"\w[\w.-]*", value) is not None
    return value is None or isinstance(value, (bool, int, float))


def _read_config(bundle: Path) -> tuple[Path, ConfigParser]:
    files = [bundle / "configs" / name for name in ("inference.yaml", "inference.yml", "inference.json")]
    file = next((path for path in files if path.is_file()), None)
    if file is None:
        raise BundleError(f"'{bundle}' is not the folder of a bundle: it has no configs/inference.yaml.")
    parser = ConfigParser()
    try:
        parser.read_config(str(file))
    except (yaml.YAMLError, ValueError) as error:
        raise BundleError(f"{file} cannot be read as a config: {' '.join(str(error).split())}") from error
    missing = [part for part in PARTS if part not in parser.get()]
    if missing:
        raise BundleError(f"{file} does not define {', '.join(missing)}, which prediction needs.")
    return file, parser


def _unwrapped(call: Callable[[], Any]) -> Any:
    """Call MONAI so that an error is raised as itself, not in the RuntimeError that MONAI puts around it."""
    try:
        return call()
    except RuntimeError as error:
        cause = root_cause(error)
    raise cause  # out here, because the wrapper is not what caused the cause


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
        masks: how the masks of a scan are called: ``image_suffix``, ``lesion_suffix``, ``region_suffix``, see
            :func:`monai_sar.data.load_scan_datalist`.

    Raises:
        ValueError: the threshold is no finite number.
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
        masks: Mapping[str, str | None] | None = None,
    ) -> None:
        if threshold is not None and not math.isfinite(threshold):
            raise ValueError(f"The threshold is {threshold}, expected a finite number.")
        self.network = network.eval()
        self.preprocessing = preprocessing
        self.inferer = inferer
        self.postprocessing = postprocessing
        self.checkpoint_sha256 = checkpoint_sha256
        self.threshold = threshold
        self.amp = amp
        self.masks = dict(masks or {})

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
        config, parser = _read_config(root)
        unknown = sorted(overrides.keys() - parser.get().keys())
        if unknown:
            raise BundleError(f"{config} has no setting {', '.join(map(repr, unknown))}.")
        parser.update({"bundle_root": str(root), **overrides})
        checkpoint = _unwrapped(lambda: parser.get_parsed_content("ckpt_path"))
        trained_with = {key: value for key, value in _trained_with(checkpoint).items() if key not in overrides}
        if trained_with.get("encoder_weights") == "file":
            trained_with["encoder_weights"] = _weights_file(checkpoint, parser)
        parser.update(trained_with)
        parts = _unwrapped(lambda: {part: parser.get_parsed_content(part) for part in PARTS})
        parts["network"].load_checkpoint(checkpoint)
        # saving is the caller's affair
        steps = [step for step in parts["postprocessing"].transforms if not getattr(step, "writes_files", False)]
        return cls(
            parts["network"],
            preprocessing=parts["preprocessing"],
            inferer=parts["inferer"],
            postprocessing=Compose(steps),
            checkpoint_sha256=checkpoint_sha256(checkpoint),
            threshold=parser.get_parsed_content("threshold", default=None),
            amp=bool(parser.get_parsed_content("amp", default=False)),
            masks={key: parser.get_parsed_content(key, default=None) for key in MASKS},
        )

    @property
    def identity(self) -> dict[str, Any]:
        """What a result depends on besides the prepared scan; JSON-able."""
        return {
            "settings": self.network.settings,
            "checkpoint_sha256": self.checkpoint_sha256,
            "threshold": self.threshold,
            "amp": self.amp,
        }

    def __call__(self, path: str | os.PathLike[str], *, region: str | os.PathLike[str] | None = None) -> AnomalyResult:
        """Map the anomalies of one scan: a NIfTI file, a DICOM file or folder, an image or a folder of them.

        Args:
            path: of the scan.
            region: a volume on the scan's grid, not 0 where to score; see :meth:`prepare`.

        Raises:
            ScanError: the scan cannot be read without guessing.
        """
        return self.run(self.prepare(path, region=region))

    def prepare(self, path: str | os.PathLike[str], *, region: str | os.PathLike[str] | None = None) -> dict[str, Any]:
        """Read and preprocess a scan.

        Args:
            path: of the scan.
            region: a volume on the scan's grid, not 0 where to score, such as the mask of the liver; without it the
                one that lies beside the scan, if the bundle's settings say how it is called.

        Returns:
            An item for :meth:`run`; the ``meta`` of its ``image`` says what is known of the scan.

        Raises:
            ScanError: the scan cannot be read without guessing.
        """
        given = {} if region is None else {"region": os.fspath(region)}
        suffixes = self.masks if region is None else {**self.masks, "region_suffix": None}
        item = {**scan_item(path, **suffixes), **given}
        return dict(_unwrapped(lambda: self.preprocessing(item)))

    def run(self, item: Mapping[str, Any]) -> AnomalyResult:
        """Map the anomalies of a scan that :meth:`prepare` prepared."""
        start = time.perf_counter()
        item = dict(item)
        device = self.network.encoder.mean.device
        with torch.no_grad(), torch.autocast(device.type, enabled=self.amp):
            item["pred"] = self.inferer(item["image"][None].to(device), self.network)[0]
        item = self.postprocessing(item)
        provenance = Provenance(
            settings=self.network.settings,
            checkpoint_sha256=self.checkpoint_sha256,
            device=str(device),
            amp=self.amp,
            runtime_s=round(time.perf_counter() - start, 3),
            peak_memory_mib=_peak_memory_mib(),
        )
        return AnomalyResult.from_item(item, provenance=provenance, threshold=self.threshold)


def _peak_memory_mib() -> float | None:
    """The most memory that this process has held; None on Windows, which does not say so."""
    try:
        import resource
    except ModuleNotFoundError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)  # bytes on macOS, KiB elsewhere
