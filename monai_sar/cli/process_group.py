"""Processes that torchrun started, which share scans."""

import os
from types import TracebackType

import torch
import torch.distributed as dist

__all__ = ["ProcessGroup"]


class ProcessGroup:
    """Rank and number of this run's processes: one, unless ``torchrun`` started several.

    They meet again at :meth:`sum`: torchrun stops all processes as soon as one has left with an error, so none may
    leave before all are done.
    """

    def __init__(self) -> None:
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))

    def __enter__(self) -> "ProcessGroup":
        """Join the others."""
        if self.size > 1:
            dist.init_process_group("gloo")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave them."""
        if self.size > 1:
            dist.destroy_process_group()

    def sum(self, count: int) -> int:
        """Add up a number over all processes, when all have come here."""
        total = torch.tensor(count)
        if self.size > 1:
            dist.all_reduce(total)
        return int(total)
