"""Checkpoints of a detector: read, told apart from others, written."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from monai_sar.networks.torch_file import load_torch, save_torch

__all__ = [
    "CheckpointError",
    "CheckpointMismatchError",
    "Difference",
    "as_extra_state",
    "differences",
    "read_checkpoint",
    "replace_saved_with",
    "saved_with",
]

EXTRA_STATE_BYTES = 2**18
"""Room for the calibration on some 12,000 images, whose scores are the bulk of it. More images take a multiple."""


class CheckpointError(ValueError):
    """A checkpoint cannot be used: the message says why and what to do."""


class CheckpointMismatchError(CheckpointError):
    """A checkpoint met another encoder, network or preprocessing than it was trained with."""


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read the state dict of a detector, tensors only.

    Raises:
        CheckpointError: no such file, a damaged one, or not a checkpoint of an anomaly detector.
    """
    return dict(_state_in(_load(path), path))


def replace_saved_with(path: str | os.PathLike[str], saved: Mapping[str, Any]) -> None:
    """Let a checkpoint say something else of itself, and keep all else that it holds.

    Args:
        path: of the checkpoint, which is replaced as a whole or not at all.
        saved: as :func:`saved_with` gives it; JSON-able.

    Raises:
        CheckpointError: as :func:`read_checkpoint`.
    """
    loaded = _load(path)
    _state_in(loaded, path)["_extra_state"] = as_extra_state(saved)
    save_torch(loaded, path)


def _load(path: str | os.PathLike[str]) -> Any:
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint at '{path}'. Train one: monai-sar train BUNDLE DATASET.")
    try:
        return load_torch(path)
    except Exception as error:  # damaged bytes make the unpickler fail in any way
        raise CheckpointError(
            f"'{path}' ({path.stat().st_size} bytes) cannot be read as a checkpoint: it is damaged, cut off, or "
            "holds more than tensors."
        ) from error


def _state_in(loaded: Any, path: str | os.PathLike[str]) -> Any:
    """The state dict in what a file held, by itself or beside others such as the optimizer's."""
    state = loaded.get("model", loaded) if isinstance(loaded, Mapping) else {}
    if "_extra_state" not in state:
        raise CheckpointError(
            f"'{path}' is not the checkpoint of an anomaly detector: it does not say which encoder it belongs to. "
            "Weights of the published code load into the AR network alone (SpatialARNet.load_state_dict)."
        )
    size = Path(path).stat().st_size
    for name, tensor in state.items():
        # one number may be stored and stand for billions, which whatever copies them takes memory for
        whole = isinstance(tensor, Tensor) and tensor.layout is torch.strided and tensor.nbytes <= size
        if not (isinstance(name, str) and whole):
            raise CheckpointError(f"'{path}' holds other things than the tensors of a detector; do not trust it.")
    return state


def saved_with(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """What a checkpoint says of itself.

    It is ``settings``, ``encoder_weights`` ("hub", "random", "file"), ``versions`` and ``calibration`` (None, or what
    :meth:`monai_sar.calibration.Calibration.to_dict` gives; older checkpoints have none).

    Raises:
        CheckpointError: it is no JSON, or says nothing under these names.
    """
    try:
        saved = dict(json.loads(state["_extra_state"].cpu().numpy().tobytes()))
    except (AttributeError, TypeError, ValueError, RecursionError) as error:  # another type, no text, deeper than any
        raise CheckpointError("The checkpoint does not say what it was trained with; it is damaged.") from error
    if not isinstance(saved.get("settings"), dict):
        raise CheckpointError("The checkpoint does not say what it was trained with; it is damaged, or too old.")
    return saved


def as_extra_state(saved: Mapping[str, Any]) -> Tensor:
    """What a checkpoint says of itself, as JSON in a byte tensor, so that ``weights_only`` loaders read it.

    It is filled up with blanks, because loaders such as :func:`monai.bundle.load` keep the network's own tensor in the
    place of one of another length, without a word: other settings would not be noticed, and a calibration be lost.
    """
    text = json.dumps(saved).encode()
    filled = bytearray(text.ljust(-(-len(text) // EXTRA_STATE_BYTES) * EXTRA_STATE_BYTES))
    return torch.frombuffer(filled, dtype=torch.uint8).clone()


class Difference(NamedTuple):
    """A setting that a checkpoint has otherwise."""

    name: str
    saved: Any
    own: Any


def differences(saved: Mapping[str, Any], own: Mapping[str, Any], prefix: str = "") -> list[Difference]:
    """The leaves in which two nested settings differ."""
    found: list[Difference] = []
    for key in [*saved, *(key for key in own if key not in saved)]:
        left, right = saved.get(key, "nothing"), own.get(key, "nothing")
        if isinstance(left, Mapping) and isinstance(right, Mapping):
            found += differences(left, right, f"{prefix}{key}.")
        elif left != right:
            found.append(Difference(f"{prefix}{key}", left, right))
    return found
