"""From the path of a scan to its result, with the parts that a bundle's inference config defines."""

import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from monai.inferers import Inferer
from monai.transforms import Compose

from monai_sar.calibration.flagging import choose_flagging
from monai_sar.datasets.scan_datalist import scan_item
from monai_sar.networks.anomaly_detector import AnomalyDetector
from monai_sar.networks.mean_embedding import MeanEmbedding
from monai_sar.networks.mixed_precision import use_mixed_precision
from monai_sar.results.anomaly_result import AnomalyResult
from monai_sar.results.provenance import Provenance, checkpoint_sha256
from monai_sar.settings.bundle_config import read_bundle_config, unwrapped, use_checkpoint_settings

__all__ = ["ScanPredictor"]

PARTS = ("ckpt_path", "network", "preprocessing", "inferer", "postprocessing")
"""What an inference config must define."""

MASKS = ("image_suffix", "lesion_suffix", "region_suffix")
"""How it may say which masks belong to a scan."""


class ScanPredictor:
    """Runs the preprocessing, the inferer and the postprocessing of a bundle on one scan at a time.

    These are the very components that ``python -m monai.bundle run inference`` runs, so both give the same map.

    Args:
        network: the detector, with its checkpoint loaded.
        preprocessing: path under ``image`` -> preprocessed scan in display orientation.
        inferer: slices -> maps.
        postprocessing: ``pred`` -> the scan's own grid, a copy in display orientation under ``display_map``.
        checkpoint_sha256: of the checkpoint's file.
        threshold: score above which a voxel is flagged; by default that of the false-positive rate.
        false_positive_rate: share of a normal patient's voxels that may be flagged, one of those that the detector is
            calibrated for; see :func:`choose_flagging`.
        amp: mixed precision, where that is of use; see :func:`monai_sar.networks.use_mixed_precision`.
        masks: how the masks of a scan are called: ``image_suffix``, ``lesion_suffix``, ``region_suffix``, see
            :func:`monai_sar.datasets.load_scan_datalist`.

    Raises:
        ValueError: the threshold is no finite number, or the detector is not calibrated for the false-positive rate.
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
        false_positive_rate: float | None = None,
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
        self.false_positive_rate = false_positive_rate
        choose_flagging(network.calibration, threshold=threshold, false_positive_rate=false_positive_rate)
        self.amp = use_mixed_precision(amp, network.encoder.mean.device)
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
        parser = read_bundle_config(bundle, "inference", parts=PARTS, overrides=overrides)
        checkpoint = unwrapped(lambda: parser.get_parsed_content("ckpt_path"))
        use_checkpoint_settings(parser, checkpoint, overrides=overrides, fixed=("modality",))
        parts = unwrapped(lambda: {part: parser.get_parsed_content(part) for part in PARTS})
        parts["network"].load_checkpoint(checkpoint)
        # where a bundle has decided already, nothing is said twice
        amp = "mixed_precision" if "mixed_precision" in parser else "amp"
        # saving is the caller's affair
        steps = [step for step in parts["postprocessing"].transforms if not getattr(step, "writes_files", False)]
        return cls(
            parts["network"],
            preprocessing=parts["preprocessing"],
            inferer=parts["inferer"],
            postprocessing=Compose(steps),
            checkpoint_sha256=checkpoint_sha256(checkpoint),
            threshold=parser.get_parsed_content("threshold", default=None),
            false_positive_rate=parser.get_parsed_content("false_positive_rate", default=None),
            amp=bool(parser.get_parsed_content(amp, default=False)),
            masks={key: parser.get_parsed_content(key, default=None) for key in MASKS},
        )

    @property
    def identity(self) -> dict[str, Any]:
        """What a result depends on besides the prepared scan; JSON-able."""
        flagging = choose_flagging(
            self.network.calibration, threshold=self.threshold, false_positive_rate=self.false_positive_rate
        )
        return {
            "settings": self.network.settings,
            "checkpoint_sha256": self.checkpoint_sha256,
            **flagging._asdict(),
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
        return dict(unwrapped(lambda: self.preprocessing(item)))

    def run(self, item: Mapping[str, Any]) -> AnomalyResult:
        """Map the anomalies of a scan that :meth:`prepare` prepared."""
        start = time.perf_counter()
        item = dict(item)
        device = self.network.encoder.mean.device
        with (
            torch.no_grad(),
            torch.autocast(device.type, enabled=self.amp),
            MeanEmbedding(self.network.encoder) as seen,
        ):
            item["pred"] = self.inferer(item["image"][None].to(device), self.network)[0]
        item["embedding"] = seen.value
        item = self.postprocessing(item)
        provenance = Provenance.of(
            self.network,
            checkpoint_sha256=self.checkpoint_sha256,
            amp=self.amp,
            runtime_s=round(time.perf_counter() - start, 3),
            peak_memory_mib=_peak_memory_mib(),
        )
        return AnomalyResult.from_item(
            item,
            detector=self.network,
            provenance=provenance,
            threshold=self.threshold,
            false_positive_rate=self.false_positive_rate,
        )


def _peak_memory_mib() -> float | None:
    """The most memory that this process has held; None on Windows, which does not say so."""
    try:
        import resource
    except ModuleNotFoundError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)  # bytes on macOS, KiB elsewhere
