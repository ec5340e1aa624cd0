"""Does a file compute what PyTorch computes?"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from monai_sar.export.export_part import ExportPart

__all__ = ["TOLERANCE", "Parity", "compare"]

TOLERANCE = 1e-3
"""Largest allowed difference, as a share of the largest value that PyTorch gives."""


class Parity(NamedTuple):
    """A file against PyTorch.

    Attributes:
        max_abs_difference: over all sizes.
        largest: largest absolute value that PyTorch gave.
        sizes: of the inputs.
    """

    max_abs_difference: float
    largest: float
    sizes: tuple[tuple[int, int, int], ...]

    @property
    def holds(self) -> bool:
        """Within the tolerance; never where a value is not finite."""
        return self.max_abs_difference <= TOLERANCE * self.largest < float("inf")


def compare(part: ExportPart, run: Callable[[Tensor], Tensor]) -> Parity:
    """Run both on random inputs of several sizes.

    Args:
        part: the module in PyTorch.
        run: the file.
    """
    difference, largest = torch.tensor(0.0), torch.tensor(0.0)
    for size in part.check_sizes:
        x = part.random_input(size)
        with torch.no_grad():
            expected = part.module(x)
        found = run(x)
        if found.shape != expected.shape:
            return Parity(float("inf"), float(expected.abs().max()), part.check_sizes)
        # torch's maximum hands a NaN on, and a NaN is not within any tolerance
        difference = torch.maximum(difference, (found - expected).abs().max())
        largest = torch.maximum(largest, expected.abs().max())
    return Parity(float(difference), float(largest), part.check_sizes)
