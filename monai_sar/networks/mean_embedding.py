"""The mean embedding of all that an encoder is shown."""

from types import TracebackType
from typing import Any

from torch import Tensor, nn

__all__ = ["MeanEmbedding"]


class MeanEmbedding:
    """Listens to an encoder while it works, so that nothing is encoded twice.

    Args:
        encoder: ``[B, 3, H, W] -> [B, C, h, w]``. It is not changed.

    Example:
        >>> import torch
        >>> from monai_sar.networks import MeanEmbedding
        >>> encoder = torch.nn.Conv2d(3, 4, 16, stride=16)
        >>> with MeanEmbedding(encoder) as seen:
        ...     grids = torch.cat([encoder(torch.rand(2, 3, 32, 48)) for _ in range(3)])
        >>> bool(torch.allclose(torch.tensor(seen.value), grids.mean(dim=(0, 2, 3)), atol=1e-6))
        True
    """

    def __init__(self, encoder: nn.Module) -> None:
        self._encoder = encoder
        self._handle: Any = None
        self._sum: Tensor | None = None
        self._patches = 0

    def __enter__(self) -> "MeanEmbedding":
        """Begin anew."""
        self._sum, self._patches = None, 0
        self._handle = self._encoder.register_forward_hook(self._add)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Listen no more; what was heard stays."""
        self._handle.remove()

    @property
    def value(self) -> list[float] | None:
        """Of each channel the mean over all patches of all images, letterbox included; None if there were none."""
        return None if self._sum is None else (self._sum / self._patches).tolist()

    def _add(self, module: nn.Module, images: Any, grids: Tensor) -> None:
        total = grids.detach().float().sum(dim=(0, 2, 3)).double().cpu()
        self._sum = total if self._sum is None else self._sum + total
        self._patches += len(grids) * grids.shape[2] * grids.shape[3]
