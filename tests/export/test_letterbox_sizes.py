"""The size that an image is fitted to, which every runtime must find with the same arithmetic."""

from fractions import Fraction

import pytest
import torch

from monai_sar.networks import Letterbox


@pytest.mark.parametrize("box", [(448, 448), (48, 80)])
def test_it_is_the_scaled_size_rounded_to_even(box: tuple[int, int]) -> None:
    """Exactly: a 1024 x 1016 image scaled to 448 is 444.5 pixels wide."""
    sizes = [(height, width) for height in range(1, 300, 7) for width in range(1, 1100, 3)]
    sizes += [(1024, 1016), (1016, 1024), (512, 508), (508, 512), (1, 5000), (5000, 1)]
    letterbox = Letterbox(box)
    for height, width in sizes:
        scale = min(Fraction(box[0], height), Fraction(box[1], width))
        fit = letterbox._fit(height, width)
        assert (fit.height, fit.width) == (max(1, round(height * scale)), max(1, round(width * scale)))
        assert fit == letterbox._fit(torch.tensor(height), torch.tensor(width))  # type: ignore[arg-type]
