"""Say why something failed, in one line.

MONAI's bundle runner wraps an error once for every reference it came through, and ends in the name of a config
expression. The reason then stands a hundred lines further up, where nobody looks first.
"""

import sys
from types import TracebackType

__all__ = ["reason", "root_cause", "show_root_cause"]


def show_root_cause() -> None:
    """From now on end every traceback of an unhandled error with the error that caused it.

    Bundles call this first in their ``initialize``. The traceback itself stays.
    """
    sys.excepthook = _print_with_root_cause


def _print_with_root_cause(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    sys.__excepthook__(kind, error, traceback)
    cause = root_cause(error)
    if cause is not error:
        print(f"\nThe reason: {cause}", file=sys.stderr)


def root_cause(error: BaseException) -> BaseException:
    """The error that an error comes from: the first of our own, whose message is for the user, or else the deepest.

    What was raised ``from None`` hides what lies below it, here as in a traceback.
    """
    seen = {id(error)}
    # below our own message lies only the library call that it explains
    while not type(error).__module__.startswith("monai_sar"):
        deeper = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if deeper is None or id(deeper) in seen:
            break
        seen.add(id(deeper))
        error = deeper
    return error


def reason(error: BaseException) -> str:
    """The root cause in a line, with the kind of error where the message is not meant for users."""
    cause = root_cause(error)
    own = type(cause).__module__.startswith("monai_sar")
    text = str(cause) if own else " ".join(str(cause).split())
    return text if isinstance(cause, (ValueError, OSError)) else f"{type(cause).__name__}: {text}".removesuffix(": ")
