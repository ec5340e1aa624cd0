"""Fit images of any size into the encoder's input, and bring maps back to where they came from."""

from typing import NamedTuple

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
        if (fit.height, fit.width) != tuple(image.shape[-2:]):
            image = F.interpolate(image, (fit.height, fit.width), mode="bilinear", align_corners=False, antialias=True)
        bottom, right = height - fit.height - fit.top, width - fit.width - fit.left
        return F.pad(image, (fit.left, right, fit.top, bottom))

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
        # affine_grid and grid_sample both count from -1 (first edge) to 1 (last edge)
        rows, columns = grid.shape[-2] * patch_size, grid.shape[-1] * patch_size
        scale_y, scale_x = fit.height / rows, fit.width / columns
        theta = torch.tensor(
            [
                [scale_x, 0.0, scale_x + 2 * fit.left / columns - 1],
                [0.0, scale_y, scale_y + 2 * fit.top / rows - 1],
            ],
            dtype=grid.dtype,
            device=grid.device,
        )
        points = F.affine_grid(theta.expand(grid.shape[0], 2, 3), [grid.shape[0], 1, *image_size], align_corners=False)
        return F.grid_sample(grid, points, mode="bilinear", padding_mode="border", align_corners=False)

    def _fit(self, height: int, width: int) -> _Fit:
        if self.size is None:
            return _Fit(height, width, 0, 0)
        if not self.keep_aspect_ratio:
            return _Fit(*self.size, 0, 0)
        scale = min(self.size[0] / height, self.size[1] / width)
        fitted_height = min(self.size[0], max(1, round(height * scale)))
        fitted_width = min(self.size[1], max(1, round(width * scale)))
        return _Fit(
            fitted_height,
            fitted_width,
            (self.size[0] - fitted_height) // 2,
            (self.size[1] - fitted_width) // 2,
        )
