"""Whether mixed precision, where it is asked for, would make anything faster."""

import logging

import torch

__all__ = ["use_mixed_precision"]

_logger = logging.getLogger(__name__)


def use_mixed_precision(amp: bool, device: torch.device | str) -> bool:
    """Tell whether to compute in mixed precision, and log a warning where it was asked for in vain.

    On a CPU mixed precision means bfloat16. PyTorch leaves its products to oneDNN where the processor is made for them.
    On any other it takes slow loops of its own: the map of a slice took 5.7 times longer than in float32.

    Args:
        amp: what was asked for.
        device: where the network runs.
    """
    if not amp or torch.device(device).type != "cpu" or _has_fast_bfloat16():
        return amp
    _logger.warning(
        "Mixed precision (amp) is left off: PyTorch has no fast bfloat16 on this processor, and would take several "
        "times longer with it. Everything is computed in float32."
    )
    return False


def _has_fast_bfloat16() -> bool:
    available = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return available and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
