"""Processes that torchrun started, which share scans."""

import os
from datetime import timedelta
from types import TracebackType

import torch
import torch.distributed as dist

__all__ = ["ProcessGroup"]


class ProcessGroup:
    """Rank and number of this run's processes: one, unless ``torchrun`` started several.

    Each takes a GPU of its own, as far as there are so many, by making it the current one.

    They meet again at :meth:`sum`: torchrun stops all processes as soon as one has left with an error, so none may
    leave before all are done.
    """

    PATIENCE = timedelta(days=30)
    """How long one waits for the others, who may have many more scans to do."""

    def __init__(self) -> None:
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        if self.size > 1 and torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())

    def __enter__(self) -> "ProcessGroup":
        """Join the others."""
        if self.size > 1:
            dist.init_process_group("gloo", timeout=self.PATIENCE)
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
