"""Batches of embeddings for MONAI's engines."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from monai.engines import PrepareBatch
from torch import Tensor, nn

__all__ = ["PrepareFeatures"]


class PrepareFeatures(PrepareBatch):
    """A batch ``{"features": [B, C, h, w]}`` as (input, target) of the AR network: both are the embeddings.

    Args:
        scaling: the detector's, applied to input and target.
        augment: applied to the input alone; the target stays clean.
    """

    def __init__(self, scaling: nn.Module, augment: Callable[[Tensor], Tensor] | None = None) -> None:
        self.scaling = scaling
        self.augment = augment

    def __call__(
        self,
        batchdata: Mapping[str, Tensor],
        device: str | torch.device | None = None,
        non_blocking: bool = False,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor]:
        """Move to the device, scale, augment."""
        target = self.scaling(batchdata["features"].to(device=device, non_blocking=non_blocking))
        return (self.augment(target) if self.augment else target), target
