"""Settings of a bundle, given on the command line."""

from typing import Any

import yaml

__all__ = ["key_and_value"]


def key_and_value(pair: str) -> tuple[str, Any]:
    """Read ``key=value``, the value as in YAML.

    Raises:
        ValueError: it is something else.
    """
    key, equals, text = pair.partition("=")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        equals = ""
    if not equals:
        raise ValueError(f"--set {pair}: expected key=value, the value as in YAML.")
    return key, value
