"""Write a file, run it, compare it, and only then let it stand."""

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple

from torch import Tensor

from monai_sar._atomic import atomic_path
from monai_sar._root_cause import root_cause
from monai_sar.export.export_part import ExportPart, PartName, export_part
from monai_sar.export.metadata import export_metadata
from monai_sar.export.onnx import load_onnx, write_onnx
from monai_sar.export.parity import TOLERANCE, Parity, compare
from monai_sar.export.torchscript import load_torchscript, write_torchscript
from monai_sar.networks.anomaly_detector import AnomalyDetector

__all__ = ["FORMATS", "ExportError", "ExportReport", "FormatName", "export_detector"]

FormatName = Literal["torchscript", "onnx"]


class _Format(NamedTuple):
    write: Callable[[ExportPart, Path, Mapping[str, Any]], None]
    load: Callable[[Path], Callable[[Tensor], Tensor]]
    needs: tuple[str, ...] = ()


FORMATS: dict[FormatName, _Format] = {
    "torchscript": _Format(write_torchscript, load_torchscript),
    "onnx": _Format(write_onnx, load_onnx, needs=("onnx", "onnxscript", "onnxruntime")),
}


class ExportError(ValueError):
    """A detector cannot be exported: the message says why."""


class ExportReport(NamedTuple):
    """What was written.

    Attributes:
        parity: the file against PyTorch.
        metadata: what the file says of itself.
    """

    parity: Parity
    metadata: dict[str, Any]


def export_detector(
    detector: AnomalyDetector,
    path: str | os.PathLike[str],
    *,
    file_format: FormatName,
    part: PartName = "detector",
    checkpoint_sha256: str | None = None,
) -> ExportReport:
    """Write a detector, or its AR network alone, as a file that runs without this package.

    ``"detector"``: ``image`` ``[B, 1, H, W]`` in [0, 1], any B, H and W, -> ``anomaly_map`` ``[B, 1, H, W]``; three
    channels if it was trained with ``color: as_stored``. The file holds the weights of the encoder.

    ``"ar_network"``: ``features`` ``[B, C, h, w]`` of the encoder, any B, h and w, -> ``score`` ``[B, 1, h, w]``.

    The file is read back, run at several sizes and compared with PyTorch. It stands only if it differs nowhere by more
    than 0.1 % of the largest value.

    Args:
        detector: with its checkpoint loaded, on the CPU.
        path: file to write; its folder is created.
        file_format: ``"torchscript"`` or ``"onnx"``.
        part: what to write.
        checkpoint_sha256: of the checkpoint's file, for the metadata.

    Raises:
        ExportError: the detector has no image size, the file computes something else, or a package is missing.
    """
    writer = FORMATS[file_format]
    missing = [package for package in writer.needs if find_spec(package) is None]
    if missing:
        raise ExportError(f"{file_format} needs {', '.join(missing)}: pip install 'monai-sar[export]'.")
    with export_part(detector, part) as chosen, atomic_path(path) as temporary:
        metadata = export_metadata(detector, chosen, checkpoint_sha256=checkpoint_sha256)
        try:
            writer.write(chosen, temporary, metadata)
            run = writer.load(temporary)
            parity = compare(chosen, run)
        except Exception as error:  # the exporters raise all kinds, around what is the matter
            raise ExportError(f"'{path}' was not written as {file_format}: {root_cause(error)}") from error
        if not parity.holds:
            raise ExportError(
                f"'{path}' was not written: as {file_format} it differs from PyTorch by up to "
                f"{parity.max_abs_difference:.3g}, where {TOLERANCE:.1%} of {parity.largest:.3g} are allowed."
            )
    return ExportReport(parity, metadata)
