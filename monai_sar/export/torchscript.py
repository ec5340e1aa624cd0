"""TorchScript: deprecated by PyTorch, and still what MONAI Deploy, MONAI Label and C++ programs load."""

import io
import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from monai_sar.export.export_part import ExportPart
from monai_sar.export.metadata import METADATA_KEY

__all__ = ["load_torchscript", "write_torchscript"]


def write_torchscript(part: ExportPart, path: Path, metadata: Mapping[str, Any]) -> None:
    """Trace a part and save it with its metadata as an extra file."""
    with warnings.catch_warnings(), torch.no_grad():
        # that it is deprecated, and each number that does not depend on the input's size; the file is compared later
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(part.module, part.random_input(part.example_size), check_trace=False)  # type: ignore[no-untyped-call]
        stored = io.BytesIO()
        torch.jit.save(traced, stored, _extra_files={METADATA_KEY: json.dumps(metadata)})
    path.write_bytes(stored.getbuffer())  # torch answers a full disk with an error that does not say so


def load_torchscript(path: Path) -> Callable[[Tensor], Tensor]:
    """Load the file as a program would that has PyTorch only."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]

    def run(x: Tensor) -> Tensor:
        with torch.no_grad():
            found: Tensor = module(x)
        return found

    return run
