"""Fit images of any size into the encoder's input, and bring maps back to where they came from."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Letterbox"]


class _Fit(NamedTuple):
    """Where the resized image lies inside the box, in pixels."""

    height: int
    width: int
    top: int
    left: int


class Letterbox(nn.Module):
    """Resize (bilinear, antialiased) into a fixed box, and the inverse for maps.

    A square image fills a square box, as in the paper [0]; any other keeps its aspect ratio and is centred on a
    border of zeros, unless ``keep_aspect_ratio`` is false.

    [0]: https://arxiv.org/abs/2603.02974

    Args:
        size: ``(height, width)`` of the box in pixels; None leaves images as they are.
        keep_aspect_ratio: False stretches the image over the whole box.
    """

    def __init__(self, size: tuple[int, int] | None, *, keep_aspect_ratio: bool = True) -> None:
        super().__init__()
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise ValueError(f"The image size is {size}; expected (height, width) in pixels.")
        self.size = size
        self.keep_aspect_ratio = keep_aspect_ratio

    def forward(self, image: Tensor) -> Tensor:
        """Fit images ``[B, C, H, W]`` into the box: ``[B, C, height, width]``."""
        if self.size is None:
            return image
        height, width = self.size
        fit = self._fit(image.shape[-2], image.shape[-1])
        image = F.interpolate(image, (fit.height, fit.width), mode="bilinear", align_corners=False, antialias=True)
        return F.pad(image, (fit.left, width - fit.width - fit.left, fit.top, height - fit.height - fit.top))

    def restore(self, grid: Tensor, *, patch_size: int, image_size: tuple[int, int]) -> Tensor:
        """Sample a map over patches at the pixels of the image it came from, in one bilinear interpolation.

        Args:
            grid: ``[B, 1, h, w]``, one value for each patch of the box.
            patch_size: of the encoder, in pixels of the box.
            image_size: ``(H, W)`` of the image that was fitted.

        Returns:
            ``[B, 1, H, W]``. For an image that fills the box this is ``interpolate(grid, (H, W), "bilinear",
            align_corners=False)``.
        """
        fit = self._fit(*image_size)
        for dim, first, fitted, size in (
            (-2, fit.top, fit.height, image_size[0]),
            (-1, fit.left, fit.width, image_size[1]),
        ):
            # centres of the image's pixels, counted in pixels of the box: from the device of the map, wherever that is
            centres = (grid.new_ones(size).cumsum(0) - 0.5) * fitted / size + first
            grid = _interpolate(grid, dim, centres / patch_size - 0.5)
        return grid

    def _fit(self, height: int, width: int) -> _Fit:
        if self.size is None:
            return _Fit(height, width, 0, 0)
        if not self.keep_aspect_ratio:
            return _Fit(*self.size, 0, 0)
        fitted_height = _within(_rounded_ratio(height * self.size[1], width), self.size[0])
        fitted_width = _within(_rounded_ratio(width * self.size[0], height), self.size[1])
        return _Fit(
            fitted_height,
            fitted_width,
            (self.size[0] - fitted_height) // 2,
            (self.size[1] - fitted_width) // 2,
        )


# A trace holds sizes as tensors, an export as symbols. What follows can be recorded for all sizes: it has no branches,
# and whole numbers only, because a runtime with 32-bit fractions would round some ratios to another size.


def _rounded_ratio(a: int, b: int) -> int:
    """``round(a / b)`` of positive numbers: ties to even."""
    is_tie_to_odd = (2 * a + 3 * b) // (4 * b) - (2 * a + 3 * b - 1) // (4 * b)
    return (2 * a + b) // (2 * b) - is_tie_to_odd


def _within(size: Tensor | int, upper: int) -> Any:
    """The nearest of 1 to ``upper``."""
    if isinstance(size, Tensor):
        return size.clamp(1, upper)
    return torch.sym_min(torch.sym_max(size, 1), upper)  # type: ignore[no-untyped-call]


def _interpolate(grid: Tensor, dim: int, positions: Tensor) -> Tensor:
    """Sample linearly along one axis; what lies outside takes the outermost value."""
    last = grid.shape[dim] - 1
    positions = positions.clamp(0, last)
    low = positions.floor()
    high = (low + 1).clamp(max=last)
    fraction = (positions - low).view(-1, *[1] * (-1 - dim))
    return torch.lerp(grid.index_select(dim, low.long()), grid.index_select(dim, high.long()), fraction)
