"""Convolutions that do not see what they predict."""

from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["MaskType", "MaskedConv2d", "MaskedConv3d", "kernel_mask"]

MaskType = Literal["none", "centre", "A", "B"]


def kernel_mask(kernel_size: int, spatial_dims: int, mask_type: MaskType) -> Tensor:
    """Which taps of a kernel may be used, in raster order (rows from the top, each from the left; 3D: slices first).

    Types A and B are those of PixelRNN [0], with whole embeddings in the place of colour channels.

    [0]: Pixel Recurrent Neural Networks, https://arxiv.org/abs/1601.06759

    Args:
        kernel_size: taps along each axis, odd.
        spatial_dims: 2 or 3.
        mask_type: ``"A"`` blocks the centre and all that come later; ``"B"`` blocks only those that come later;
            ``"centre"`` blocks only the centre; ``"none"`` blocks nothing.

    Returns:
        ``[k, k]`` or ``[k, k, k]`` of 0 and 1, float32.
    """
    if kernel_size % 2 == 0:
        raise ValueError(f"A masked kernel has a centre: kernel_size must be odd, got {kernel_size}.")
    taps = kernel_size**spatial_dims
    centre = taps // 2
    mask = torch.ones(taps)
    if mask_type in ("A", "B"):
        mask[centre + 1 :] = 0
    if mask_type in ("A", "centre"):
        mask[centre] = 0
    return mask.view(*(kernel_size,) * spatial_dims)


class _MaskedConv(nn.Module):
    """What both dimensions share: the weight is multiplied by the mask wherever it is used.

    In raster order (types A and B) all rows of the kernel below its centre are blocked; in 3D, all slices behind it.
    They are left out, and the zeros with which they would meet: a kernel of 3 x 3 then costs 6 taps instead of 9.
    """

    spatial_dims: ClassVar[int]
    mask: Tensor
    weight: Tensor
    bias: Tensor | None

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, *, dilation: int, mask_type: MaskType
    ) -> None:
        mask = kernel_mask(kernel_size, self.spatial_dims, mask_type)
        is_causal = mask_type in ("A", "B")
        reach = dilation * (kernel_size // 2)
        padding = (0 if is_causal else reach, *(reach,) * (self.spatial_dims - 1))
        super().__init__(in_channels, out_channels, kernel_size, dilation=dilation, padding=padding)
        self.register_buffer("mask", mask, persistent=False)
        self._used_rows = kernel_size // 2 + 1 if is_causal else kernel_size
        self._zeros_before = reach if is_causal else 0

    def forward(self, x: Tensor) -> Tensor:
        if self._zeros_before:  # at one end only, which a convolution itself cannot
            x = F.pad(x, (0, 0) * (self.spatial_dims - 1) + (self._zeros_before, 0))
        weight = self.weight[:, :, : self._used_rows] * self.mask[: self._used_rows]
        return self._conv_forward(x, weight, self.bias)  # type: ignore[no-any-return, operator]

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        # The published code saves its masks. They are not weights: compare, do not load.
        saved = state_dict.pop(f"{prefix}mask", None)
        super()._load_from_state_dict(state_dict, prefix, *args)
        if saved is not None and not bool((saved.to(self.mask) == self.mask).all()):
            error_messages = args[-1]
            error_messages.append(
                f"the checkpoint's mask '{prefix}mask' blocks other taps than this network's: it was trained in "
                "another mode (causal, bidirectional or standard)"
            )


class MaskedConv2d(_MaskedConv, nn.Conv2d):
    """A 2D convolution with a masked kernel and zero padding that keeps the size: ``[B, C, H, W]``.

    Args:
        in_channels: channels in.
        out_channels: channels out.
        kernel_size: odd.
        dilation: distance between taps.
        mask_type: see :func:`kernel_mask`.
    """

    spatial_dims = 2


class MaskedConv3d(_MaskedConv, nn.Conv3d):
    """A 3D convolution with a masked kernel and zero padding that keeps the size: ``[B, C, D, H, W]``.

    The arguments are those of :class:`MaskedConv2d`.
    """

    spatial_dims = 3
