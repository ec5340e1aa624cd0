"""Average the scores of neighbouring patches."""

import torch.nn.functional as F
from monai.networks.layers import gaussian_1d
from torch import Tensor, nn, tensor

__all__ = ["ScoreSmoothing"]


class ScoreSmoothing(nn.Module):
    """Gaussian filter of a grid of scores; beyond its edges the outermost scores go on.

    A lesion covers neighbouring patches, the accidents of single predictions do not. The paper does not smooth; rivals
    smooth the map at the image's pixels, with 4 pixels. In patches the filter means the same at every size of image,
    and costs nothing.

    Args:
        sigma: standard deviation in patches; 0 leaves the scores as they are.

    Raises:
        ValueError: it is negative.
    """

    kernel: Tensor

    def __init__(self, sigma: float = 0) -> None:
        super().__init__()
        if sigma < 0:
            raise ValueError(f"The smoothing is {sigma} patches; expected 0 (none) or more.")
        self.sigma = float(sigma)
        kernel = gaussian_1d(tensor(self.sigma), truncated=3, approx="sampled") if sigma else tensor([1.0])
        self.reach = len(kernel) // 2
        self.register_buffer("kernel", kernel / kernel.sum(), persistent=False)

    def forward(self, score: Tensor) -> Tensor:
        """Filter ``[B, 1, h, w]``."""
        if self.sigma == 0:
            return score
        # not MONAI's separable_filtering, which moves the kernel to the device of the example when it is traced
        score = F.pad(score, [self.reach] * 4, mode="replicate")
        rows = F.conv2d(score, self.kernel.view(1, 1, -1, 1))
        return F.conv2d(rows, self.kernel.view(1, 1, 1, -1))
