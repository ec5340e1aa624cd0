"""Which model a request for scores is about."""

from collections.abc import Mapping
from typing import Any

from monai_sar.label.refusal import NOT_FOUND, refusal
from monai_sar.label.served_bundle import ServedBundle

__all__ = ["choose_bundle"]


def choose_bundle(request: Mapping[str, Any], bundles: Mapping[str, ServedBundle]) -> ServedBundle:
    """The model that a request names, or the first that is served.

    Raises:
        HTTPException: it names another.
    """
    name = request.get("model") or next(iter(bundles))
    if name not in bundles:
        raise refusal(NOT_FOUND, f"There is no model {name!r}; there are: {', '.join(bundles)}.")
    return bundles[name]
