"""The bar that long work shows."""

import os
import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

__all__ = ["progress_bar"]


def progress_bar(
    items: Iterable[Any] | None = None, *, task: str, unit: str, total: int | None = None, shown: bool = True
) -> Any:
    """A bar on standard error that redraws itself in one line, and is cleared when the work is done.

    It is shown on a terminal only: in a file it would be thousands of lines. Of the processes of a ``torchrun`` the
    first shows it.

    Args:
        items: to go through; None: whoever works tells of it with ``update()``, in a ``with`` block.
        task: what is being done, such as "Encoding images".
        unit: of the count, such as "image".
        total: number of units; by default the length of ``items``.
        shown: False shows nothing.

    Returns:
        A ``tqdm`` over the items.
    """
    is_first = os.environ.get("RANK", "0") == "0"
    has_stderr = sys.stderr is not None  # it is None where it was closed before Python began
    disable = None if shown and is_first and has_stderr else True  # None: where standard error is no terminal
    return tqdm(items, desc=task, unit=unit, total=total, leave=False, dynamic_ncols=True, disable=disable)
