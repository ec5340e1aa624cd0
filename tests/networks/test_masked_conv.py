"""What a masked kernel lets through."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from monai_sar.networks import MaskedConv2d, MaskedConv3d, kernel_mask
from monai_sar.networks.masked_conv import MaskType


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


def _dense(convolution: MaskedConv2d | MaskedConv3d, image: Tensor) -> Tensor:
    """The definition: a convolution with all taps, of which the blocked ones are 0."""
    dilation = convolution.dilation[0]
    padding = dilation * (convolution.kernel_size[0] // 2)
    convolve = F.conv2d if isinstance(convolution, MaskedConv2d) else F.conv3d
    return convolve(image, convolution.weight * convolution.mask, convolution.bias, padding=padding, dilation=dilation)


@pytest.mark.parametrize("mask_type", ["A", "B", "centre", "none"])
@pytest.mark.parametrize(("kernel_size", "dilation"), [(1, 1), (3, 1), (3, 4), (5, 2)])
@pytest.mark.parametrize("shape", [(9, 10), (1, 1), (2, 13), (5, 6, 7), (1, 2, 3)])
def test_leaving_rows_out_changes_nothing(
    shape: tuple[int, ...], kernel_size: int, dilation: int, mask_type: MaskType
) -> None:
    """Output and all gradients, also where the kernel reaches over the whole image."""
    torch.manual_seed(0)
    convolution_type = MaskedConv2d if len(shape) == 2 else MaskedConv3d
    convolution = convolution_type(3, 4, kernel_size, dilation=dilation, mask_type=mask_type).double()
    image = torch.randn(2, 3, *shape, dtype=torch.float64, requires_grad=True)
    inputs = (image, *convolution.parameters())
    found, expected = convolution(image), _dense(convolution, image)
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad((found * weights).sum(), inputs), torch.autograd.grad((expected * weights).sum(), inputs)
    )


@pytest.mark.parametrize(("mask_type", "rows"), [("A", 2), ("B", 2), ("centre", 3), ("none", 3)])
def test_blocked_rows_cost_nothing(mask_type: MaskType, rows: int) -> None:
    convolution = MaskedConv2d(8, 16, 3, dilation=4, mask_type=mask_type)
    with FlopCounterMode(display=False) as counter:
        convolution(torch.zeros(1, 8, 28, 28))
    assert counter.get_total_flops() == 2 * 28 * 28 * 8 * 16 * 3 * rows
