"""End what the server has started when it ends itself."""

import signal
from types import FrameType

from monailabel.utils.async_tasks.task import AsyncTask
from monailabel.utils.async_tasks.utils import background_executors

__all__ = ["stop_tasks_with_the_server"]

TASKS = ("train", "scoring", "batch_infer")


def stop_tasks_with_the_server() -> None:
    """Stop training, scoring and batch inference on SIGINT and SIGTERM, before the server stops as it always does.

    Otherwise it would wait for their end, which may be hours away. Call it in the main thread, when the server's own
    handlers are in place.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        _before(number, signal.getsignal(number))


def _before(number: signal.Signals, server_handler: object) -> None:
    def stop(received: int, frame: FrameType | None) -> None:
        for executor in background_executors.values():
            executor.shutdown(wait=False, cancel_futures=True)
        for task in TASKS:
            AsyncTask.stop(task)
        if callable(server_handler):
            server_handler(received, frame)

    signal.signal(number, stop)
