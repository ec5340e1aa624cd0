"""A number in a request."""

from collections.abc import Mapping
from typing import Any

__all__ = ["number_option"]


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
