"""Read a weights file of an encoder, and say what it is when it is not what was asked for."""

import hashlib
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from monai_sar.networks.torch_file import check_archive

__all__ = ["EncoderWeightsError", "describe_weights", "hash_weights", "read_weights"]

# The key that tells one publisher's naming of the same network from another's.
_LAYOUT_BY_KEY = {
    "storage_tokens": "Meta's DINOv3 ViT",
    "downsample_layers.0.0.weight": "Meta's ConvNeXt",
    "reg_token": "timm's ViT with register tokens (DINOv3)",
    "embeddings.patch_embeddings.weight": "a Hugging Face transformers ViT",
    "embeddings.patch_embeddings.projection.weight": "a Hugging Face transformers ViT",
    "stem.0.weight": "timm's ConvNeXt",
    "net.0.weight": "a spatial AR network, not an encoder",
    "network.net.2.weight": "a checkpoint of MONAI-SAR, which holds no encoder",
    "patch_embed.proj.weight": "timm's ViT",
}
_WRAPPERS = ("state_dict", "model", "teacher", "module")


class EncoderWeightsError(ValueError):
    """Weights that cannot be used: the message says what was found, what was expected and what to do."""


def read_weights(path: str | os.PathLike[str]) -> dict[str, torch.Tensor]:
    """Read a ``.safetensors`` or ``.pth`` file of tensors; nothing in it is ever executed.

    Args:
        path: the file. A dictionary of tensors, or one wrapped under ``state_dict``, ``model``, ``teacher``.

    Raises:
        EncoderWeightsError: no such file, an empty or damaged one, or one that holds other things than tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise EncoderWeightsError(f"No encoder weights at '{path}': the path names no file.")
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        check_archive(path)
        loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise EncoderWeightsError(
            f"'{path}' is not a plain file of tensors: loading it would run code that came with it, which is "
            "never done. Save the state dict alone (torch.save(model.state_dict(), path)) or use safetensors."
        ) from error
    except Exception as error:  # damaged bytes make the readers fail in any way, an IndexError of the unpickler too
        raise EncoderWeightsError(
            f"'{path}' ({path.stat().st_size} bytes) cannot be read as a weights file: {error}. "
            "It may be damaged or cut off; download it again."
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    tensors = {k: v for k, v in loaded.items() if isinstance(v, torch.Tensor)} if isinstance(loaded, Mapping) else {}
    if not tensors:
        raise EncoderWeightsError(f"'{path}' holds no tensors by name; expected the state dict of an encoder.")
    return tensors


def describe_weights(weights: Mapping[str, torch.Tensor]) -> str:
    """Say in a few words which network, in whose naming, these weights are."""
    layout = next((name for key, name in _LAYOUT_BY_KEY.items() if key in weights), "an unknown network")
    details = []
    stem = weights.get("patch_embed.proj.weight")
    if stem is not None and stem.ndim == 4:
        blocks = {key.split(".")[1] for key in weights if key.startswith("blocks.")}
        details = [f"{stem.shape[0]} channels", f"{len(blocks)} blocks", f"patches of {stem.shape[-1]} px"]
    details.append(f"{len(weights)} tensors, the first named '{next(iter(weights))}'")
    return f"{layout} ({', '.join(details)})"


def hash_weights(weights: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over names, shapes and float32 values: the same for every file format of the same weights."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        values = weights[name].detach().to("cpu", torch.float32).contiguous()
        digest.update(f"{name}{tuple(values.shape)}".encode())
        digest.update(values.numpy().data)
    return digest.hexdigest()
