"""One process at a time, of all that see a folder."""

import atexit
import errno
import json
import logging
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout

from monai_sar._full_disk import full_disk_named

__all__ = ["InUseError", "ProcessLock"]

_logger = logging.getLogger(__name__)

_WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)
"""What file systems answer that have no locks, such as some that are mounted over a network."""

_A_MOMENT = 0.5
"""Seconds: a process that is about to end, or has only just begun and not said yet who it is, is waited for."""

_HOST_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}")


class InUseError(OSError):
    """Another process holds what this one needs: the message says which, and what to do."""


class ProcessLock:
    """A lock that the system takes from a process that ends, however it ends: it is never left behind.

    It is a lock on a file, which says who holds it and is removed with it; what a killed process leaves is an unlocked
    file, which the next one takes and removes. The thread that holds it may take it again. Where the file system has
    no locks, a warning says so, and all go on.

    Args:
        path: of the file; its folder is created.
        held: what whoever holds it does, for the message: "'models' is trained in".
        advice: what else to do than wait.
    """

    def __init__(self, path: Path, *, held: str, advice: str) -> None:
        self.path = path
        self.held = held
        self.advice = advice
        self._lock: FileLock | None = None

    def take(self) -> None:
        """Take it until :meth:`give_back`, or until this process ends.

        Raises:
            InUseError: another process holds it.
        """
        if self._lock is None:
            self._take(wait=False)
            atexit.register(self.give_back)

    @contextmanager
    def waited_for(self) -> Iterator[None]:
        """Take it as soon as no other process holds it; a warning says for which this one waits."""
        self._take(wait=True)
        try:
            yield
        finally:
            self.give_back()

    def give_back(self) -> None:
        """Let others take it, and remove its file."""
        atexit.unregister(self.give_back)
        lock, self._lock = self._lock, None
        if lock is None:
            return
        if lock.lock_counter == 1:
            with suppress(OSError):  # Windows does not remove what is open, but filelock does so there
                self.path.unlink()  # while it is held: whoever has opened it sees that it is gone, and begins again
        lock.release()

    def _take(self, *, wait: bool) -> None:
        try:
            with full_disk_named(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                lock = FileLock(self.path, is_singleton=True, fallback_to_soft=False)
                lock.acquire(timeout=_A_MOMENT)
        except Timeout:
            if not wait:
                raise InUseError(f"{self._held_by()}. Wait until it has ended, or {self.advice}.") from None
            _logger.warning("%s. Waiting for it; to not wait, %s", self._held_by(), self.advice)
            lock.acquire()
        except PermissionError:
            raise InUseError(
                f"'{self.path}' may not be opened: another user has made it, or the folder may not be written. Remove "
                f"it if that user has ended, or {self.advice}."
            ) from None
        except OSError as error:
            if error.errno not in _WITHOUT_LOCKS:
                raise
            _warn_without_locks(self.path.parent)
            self.path.unlink(missing_ok=True)
            return
        self._lock = lock
        if lock.lock_counter == 1:
            self._sign()

    def _sign(self) -> None:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        with suppress(OSError):  # on a full disk, say; it is held all the same
            self.path.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}))

    def _held_by(self) -> str:
        try:
            holder = json.loads(self.path.read_text())
            pid, since = int(holder["pid"]), datetime.fromisoformat(holder["since"]).astimezone()
            host = holder["host"] if _HOST_NAME.fullmatch(holder["host"]) else "another host"
            return f"{self.held} by process {pid} on {host} since {since:%Y-%m-%d %H:%M:%S}"
        except (OSError, ValueError, KeyError, TypeError):  # it has not signed, or the system lets nobody else read
            return f"{self.held} by another process"


@cache
def _warn_without_locks(folder: Path) -> None:
    _logger.warning(
        "'%s': its file system has no locks, so see to it yourself that no two processes write the same there", folder
    )
