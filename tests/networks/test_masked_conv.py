"""What a masked kernel lets through."""

import pytest
import torch

from monai_sar.networks import MaskedConv2d, kernel_mask


def test_masks_of_a_3x3_kernel() -> None:
    assert kernel_mask(3, 2, "A").tolist() == [[1, 1, 1], [1, 0, 0], [0, 0, 0]]
    assert kernel_mask(3, 2, "B").tolist() == [[1, 1, 1], [1, 1, 0], [0, 0, 0]]
    assert kernel_mask(3, 2, "centre").tolist() == [[1, 1, 1], [1, 0, 1], [1, 1, 1]]
    assert kernel_mask(3, 2, "none").sum() == 9


def test_a_3d_mask_is_in_raster_order_with_slices_first() -> None:
    mask = kernel_mask(3, 3, "A")
    assert mask[0].sum() == 9
    assert torch.equal(mask[1], kernel_mask(3, 2, "A"))
    assert mask[2].sum() == 0


def test_an_even_kernel_has_no_centre() -> None:
    with pytest.raises(ValueError, match="odd"):
        kernel_mask(4, 2, "A")


def test_blocked_taps_never_matter() -> None:
    convolution = MaskedConv2d(2, 3, 3, dilation=2, mask_type="A")
    image = torch.randn(1, 2, 9, 9)
    before = convolution(image)
    with torch.no_grad():
        convolution.weight[:, :, convolution.mask == 0] = 1e6
    assert torch.equal(convolution(image), before)


def test_the_mask_is_no_part_of_the_checkpoint() -> None:
    assert set(MaskedConv2d(2, 3, 3, dilation=1, mask_type="A").state_dict()) == {"weight", "bias"}
