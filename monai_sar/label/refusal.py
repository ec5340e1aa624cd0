"""What a client is told when its request cannot be fulfilled."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import HTTPException

from monai_sar.cli.reason import reason

__all__ = ["NOT_FOUND", "UNPROCESSABLE", "refusal", "told_to_the_client"]

NOT_FOUND, UNPROCESSABLE = 404, 422


def refusal(status: int, text: str) -> HTTPException:
    """The error that MONAI Label's server sends as ``{"detail": text}``; of its own errors it only sends "500"."""
    return HTTPException(status_code=status, detail=text)


@contextmanager
def told_to_the_client() -> Iterator[None]:
    """Turn errors that are for the person at the other end into answers. Others are faults of the server: 500.

    A wrong study, setting or checkpoint raises a ``ValueError`` or ``OSError`` with a message that says what to do.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        raise refusal(UNPROCESSABLE, reason(error)) from None
