"""What an exported file says of itself."""

from typing import Any

from monai_sar.export.export_part import ExportPart
from monai_sar.networks.anomaly_detector import AnomalyDetector, saved_with
from monai_sar.networks.dinov3_encoder import DINOv3Encoder

__all__ = ["METADATA_KEY", "NOTICE", "encoder_licence", "export_metadata"]

METADATA_KEY = "monai_sar.json"
"""Name of the JSON text in a file: an extra file of TorchScript, a metadata property of ONNX."""

NOTICE = "Research software, not a medical device."

DINOV3_LICENCE = "Meta's DINOv3 License, https://ai.meta.com/resources/models-and-libraries/dinov3-license/"


def export_metadata(
    detector: AnomalyDetector, part: ExportPart, *, checkpoint_sha256: str | None = None
) -> dict[str, Any]:
    """What a file must say to be used and traced back; JSON-able.

    All that a checkpoint says of itself (settings, versions) is in it.

    Args:
        detector: with its checkpoint loaded.
        part: of it.
        checkpoint_sha256: of the checkpoint's file, if it came from one.
    """
    batch, rows, columns = part.axes
    tensor = {"dtype": "float32"}
    holds_encoder = part.name == "detector"
    return {
        "notice": NOTICE,
        "part": part.name,
        "input": {
            "name": part.input_name,
            "shape": [batch, part.channels, rows, columns],
            **tensor,
            "meaning": part.reads,
        },
        "output": {"name": part.output_name, "shape": [batch, 1, rows, columns], **tensor, "meaning": part.gives},
        "checkpoint_sha256": checkpoint_sha256,
        "encoder_licence": encoder_licence(detector.encoder) if holds_encoder else None,
        **saved_with({"_extra_state": detector.get_extra_state()}),
    }


def encoder_licence(encoder: DINOv3Encoder) -> str:
    """Under which licence the weights of an encoder are, as far as it can be known."""
    if encoder.weights_from == "random":
        return "none: the weights are random"
    licence = encoder.network.pretrained_cfg.get("license") if encoder.weights_from == "hub" else None
    if licence in (None, "dinov3-license") and "dinov3" in encoder.model_name and "eupe" not in encoder.model_name:
        return DINOV3_LICENCE
    return str(licence or "that of the weights file, see where it came from")
