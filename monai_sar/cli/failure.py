"""How a command ends when it cannot go on: in one line on standard error, with one of these exit statuses."""

import re
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import typer

from monai_sar._root_cause import reason

__all__ = ["GOES_ON", "INTERRUPTED", "SOME_FAILED", "WRONG_USE", "debugging", "printable", "reported", "show_traceback"]

SOME_FAILED = 1
WRONG_USE = 2
INTERRUPTED = 130
"""What shells say of a command that Ctrl-C ended: 128 and the number of the signal."""

GOES_ON = "Interrupted. The same command goes on where it stopped."

debugging = ContextVar("debugging", default=False)
"""Whether ``monai-sar --debug`` was given."""


@contextmanager
def reported(interrupted: str = "Interrupted.") -> Iterator[None]:
    """Tell what ends a command inside, and end it with its exit status.

    Args:
        interrupted: what to say after Ctrl-C.

    Raises:
        typer.Exit: with status 2 after any error, because a wrong setting shows up wherever it is used first, and 130
            after Ctrl-C.
    """
    with _ctrl_c() as pressed:
        try:
            yield
        except typer.Exit:
            raise
        except (Exception, KeyboardInterrupt) as error:
            show_traceback()
            if pressed or isinstance(error, KeyboardInterrupt):
                typer.echo(f"monai-sar: {interrupted}", err=True)
                raise typer.Exit(INTERRUPTED) from None
            typer.echo(printable(f"monai-sar: {reason(error)}"), err=True)
            raise typer.Exit(WRONG_USE) from None


@contextmanager
def _ctrl_c() -> Iterator[list[int]]:
    """Remember that Ctrl-C was pressed: code in C++ may answer with an error of its own, as that of torch.save does."""
    pressed: list[int] = []

    def press(number: int, frame: Any) -> None:
        pressed.append(number)
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:  # it is ignored, or somebody else's
        yield pressed
        return
    signal.signal(signal.SIGINT, press)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def show_traceback() -> None:
    """Show where the error that is being handled comes from, if ``--debug`` was given."""
    if debugging.get():
        typer.echo(printable(traceback.format_exc()), err=True)


def printable(text: str | Path) -> str:
    """A text that every terminal takes, and that steers none.

    File names, and the lists that name them, may hold bytes that are no characters, and control characters.
    """
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "?", str(text).encode(errors="replace").decode())
