"""Weights of an encoder in Meta's own format, made of timm's."""

import torch
from torch import Tensor

__all__ = ["meta_names"]


def meta_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Timm's names of ViT-S/16 -> the names in Meta's own files, with what those files hold besides."""
    renamed = {}
    for key, value in state.items():
        name = (
            key.replace("reg_token", "storage_tokens").replace("gamma_1", "ls1.gamma").replace("gamma_2", "ls2.gamma")
        )
        renamed[name] = value
    renamed["mask_token"] = torch.zeros(1, 384)
    renamed["rope_embed.periods"] = torch.ones(16)
    for block in range(12):
        renamed[f"blocks.{block}.attn.qkv.bias"] = torch.zeros(3 * 384)
        renamed[f"blocks.{block}.attn.qkv.bias_mask"] = torch.zeros(3 * 384)
    return renamed
