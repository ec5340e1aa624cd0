"""The text of an option -> the value that is meant."""

import re
from typing import Any

import yaml

__all__ = ["value_of_text"]


class _Loader(yaml.SafeLoader):
    """YAML that reads ``1e-4`` as the number that it is: PyYAML follows YAML 1.1, where it is text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def value_of_text(text: str) -> Any:
    """Read a value as in YAML: numbers, ``true``, ``null``, ``[48, 48]``; all else is text.

    Raises:
        ValueError: it begins like a list, a mapping or a quotation, and does not end as one.

    Example:
        >>> [value_of_text(text) for text in ("1e-4", "false", "[48, 48]", "1,5")]
        [0.0001, False, [48, 48], '1,5']
    """
    try:
        return yaml.load(text, _Loader)  # noqa: S506 (derived from the safe loader)
    except yaml.YAMLError as error:
        raise ValueError(f"{text!r} cannot be read as a value in YAML.") from error
