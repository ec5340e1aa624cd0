"""A value from a command line or a caller, as a config has to hold it so that it means itself."""

import os
import re
from collections.abc import Mapping
from typing import Any

from monai.bundle import ReferenceResolver

from monai_sar.settings.kinds import SettingError
from monai_sar.settings.known_settings import KNOWN_SETTINGS

__all__ = ["literal", "literal_settings"]

_MEANS_MORE = re.compile(r"[$@%#]|::")
"""What MONAI reads in a text: expressions, references, macros, and separators of names, wherever they stand."""


def literal_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that come from outside a config, each of its kind, so that none is code when the config is parsed.

    Args:
        settings: values by name; a part of a component is named as in ``optimizer#weight_decay``.

    Raises:
        SettingError: a value of the wrong kind, or what only a config may say: which class a component is of.
    """
    read = {}
    for name, value in settings.items():
        if any(part.startswith("_") for part in ReferenceResolver.split_id(name)):
            raise SettingError(f"{name} says what a config runs, which only the config may; change it there.")
        kind = KNOWN_SETTINGS.get(name)
        read[name] = literal(value if kind is None else kind.read(name, value))
    return read


def literal(value: Any) -> Any:
    r"""A value that a config takes as it is, whatever its text looks like.

    Text with a special meaning becomes an expression that consists of nothing but a quotation of it.

    Raises:
        SettingError: it describes a component.

    Example:
        >>> literal("run_1"), literal("$HOME/run#1"), literal([1, "@a"])
        ('run_1', "$'$HOME/run\\x231'", [1, "$'\\x40a'"])
    """
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str):
        if not _MEANS_MORE.search(value):
            return value
        return "$" + re.sub("[@%#:]", lambda found: f"\\x{ord(found[0]):02x}", ascii(value))
    if isinstance(value, (list, tuple)):
        return [literal(each) for each in value]
    if isinstance(value, Mapping):
        if code := [key for key in value if str(key).startswith("_") or _MEANS_MORE.search(str(key))]:
            raise SettingError(f"{code[0]!r} says what a config runs, which only the config may; change it there.")
        return {key: literal(each) for key, each in value.items()}
    return value
