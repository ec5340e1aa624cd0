"""What becomes of a command whose output cannot be written any more: it ends, and says why."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

import typer

__all__ = ["NO_OUTPUT", "ends_with_its_output"]

NO_OUTPUT = 141
"""What shells say of a program whose reader has gone, as ``head`` does: 128 and the number of SIGPIPE."""


class _OutputError(BaseException):
    """Output cannot be written; nobody but the command as a whole catches it, not even logging."""


class _Stream:
    """A text stream whose failure ends the command."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        written: int = _checked(self._stream.write, text)
        return written

    def writelines(self, lines: Any) -> None:
        _checked(self._stream.writelines, lines)

    def flush(self) -> None:
        _checked(self._stream.flush)


def _checked(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except BrokenPipeError:
        raise _OutputError("what it writes is no longer read") from None
    except OSError as error:  # of a full disk, say
        raise _OutputError(f"its output cannot be written: {error.strerror}") from None


@contextmanager
def ends_with_its_output() -> Iterator[None]:
    """End a command inside when standard output or standard error cannot be written, or was closed from the start.

    A file that is opened while standard output is closed takes its place, and what libraries print goes there.

    Raises:
        SystemExit: with status 141.
    """
    before = sys.stdout, sys.stderr
    try:
        if cast("TextIO | None", sys.stdout) is None:
            raise _OutputError("standard output is closed; send it to a file or to /dev/null")
        sys.stdout = cast("TextIO", _Stream(sys.stdout))
        if cast("TextIO | None", sys.stderr) is not None:
            sys.stderr = cast("TextIO", _Stream(sys.stderr))
        yield
    except _OutputError as error:
        sys.stdout, sys.stderr = before
        with suppress(OSError):
            typer.echo(f"monai-sar: Ended, because {error}.", err=True)
        for stream in before:
            _discard_rest(stream)
        raise SystemExit(NO_OUTPUT) from None
    finally:
        sys.stdout, sys.stderr = before


def _discard_rest(stream: TextIO | None) -> None:
    """What is still to be written would fail once more when Python ends."""
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
