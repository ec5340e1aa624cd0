"""The values of an image without what MONAI keeps beside them."""

from typing import Any

import torch
from torch import Tensor

__all__ = ["plain_tensor"]


def plain_tensor(values: Any) -> Tensor:
    """Strip an image of its meta data and bring it to the CPU, without a copy where it is there already.

    MONAI's ``convert_to_tensor`` also makes it contiguous, which copies every volume that was turned.

    Args:
        values: a ``MetaTensor``, tensor or array of any shape.
    """
    return torch.as_tensor(values).as_subclass(Tensor).cpu()
