"""What a request asks for, and what its sender is told when that cannot be done."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fastapi import HTTPException

from monai_sar._root_cause import reason
from monai_sar.label.served_bundle import ServedBundle

__all__ = ["NOT_FOUND", "UNPROCESSABLE", "choose_bundle", "number_option", "refusal", "told_to_the_client"]

NOT_FOUND, UNPROCESSABLE = 404, 422


def choose_bundle(request: Mapping[str, Any], bundles: Mapping[str, ServedBundle]) -> ServedBundle:
    """The model that a request for scores names, or the first that is served.

    Raises:
        HTTPException: it names another.
    """
    name = request.get("model") or next(iter(bundles))
    if name not in bundles:
        raise refusal(NOT_FOUND, f"There is no model {name!r}; there are: {', '.join(bundles)}.")
    return bundles[name]


def number_option(request: Mapping[str, Any], key: str) -> float | None:
    """Read a number, which a viewer may send as text; None where it sends none, or an empty field.

    Raises:
        ValueError: something else.
    """
    value = request.get(key)
    if value is None or value == "":
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{key} is {value!r}, expected a number.") from None


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
