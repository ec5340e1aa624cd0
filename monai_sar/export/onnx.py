"""ONNX, through ``torch.export``; onnxruntime runs it."""

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from monai_sar._quiet import quiet
from monai_sar.export.export_part import ExportPart
from monai_sar.export.metadata import METADATA_KEY, NOTICE

__all__ = ["OPSET", "load_onnx", "write_onnx"]

OPSET = 20
"""Of the standard operators; antialiased ``Resize`` needs 18."""

MOST_BYTES = 2**31 - 1
"""Of a protobuf file, which an ONNX file is."""


def write_onnx(part: ExportPart, path: Path, metadata: Mapping[str, Any]) -> None:
    """Export a part, put its metadata into the file's properties, and let ONNX's checker see it.

    Raises:
        ValueError: more weights than a file can hold.
    """
    import onnx
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass

    size = sum(tensor.nbytes for tensor in [*part.module.parameters(), *part.module.buffers()])
    if size > MOST_BYTES:
        raise ValueError(f"{size / 2**30:.1f} GiB of weights; an ONNX file holds 2 GiB. Export TorchScript instead.")
    batch, rows, columns = map(torch.export.Dim, part.axes)
    # what the exporter says to its own developers
    with quiet(("onnxscript", "onnx_ir", "torch.onnx"), below=logging.ERROR), torch.no_grad():
        program: Any = torch.onnx.export(
            part.module,
            (part.random_input(part.example_size),),
            input_names=[part.input_name],
            output_names=[part.output_name],
            dynamic_shapes=({0: batch, 2: rows, 3: columns},),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
        ClearMetadataAndDocStringPass()(program.model)  # lines of code, with paths of this machine
        program.model.doc_string = NOTICE
        program.model.metadata_props[METADATA_KEY] = json.dumps(metadata)
        program.save(path, external_data=False)
    onnx.checker.check_model(path, full_check=True)


def load_onnx(path: Path) -> Callable[[Tensor], Tensor]:
    """Load the file in onnxruntime, on the CPU."""
    from onnxruntime import InferenceSession

    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: torch.from_numpy(session.run(None, {name: x.numpy()})[0])
