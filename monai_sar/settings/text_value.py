"""The text of an option -> the value that is meant."""

import re
from typing import Any

import yaml

__all__ = ["value_of_text"]


_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"


class _Loader(yaml.SafeLoader):
    """YAML with the numbers of YAML 1.2.

    PyYAML follows YAML 1.1, where ``1e-4`` is text, ``0042`` is 34 and ``1:30`` is 90.
    """


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (_INT, _FLOAT)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_INT, re.compile(r"[-+]?[0-9][0-9_]*$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(r"[-+]?([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?$|[-+]?\.inf$|\.nan$"),
    list("-+.0123456789"),
)


def _decimal(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))


_Loader.add_constructor(_INT, _decimal)


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
