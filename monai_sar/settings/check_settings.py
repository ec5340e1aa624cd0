"""What is wrong with the settings of a config, before anything runs."""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from monai.bundle import ConfigComponent, ConfigExpression, ConfigItem, ConfigParser, ReferenceResolver
from monai.bundle.properties import InferProperties, TrainProperties
from monai.utils import BundlePropertyConfig

from monai_sar.settings.kinds import PATH, SettingError
from monai_sar.settings.known_settings import KNOWN_SETTINGS

__all__ = ["check_settings", "did_you_mean"]

_PROPERTIES = (*TrainProperties.values(), *InferProperties.values())
READ_BY_MONAI = frozenset(
    {"imports", "initialize", "run", "finalize", "save_execute_config"}
    | {ReferenceResolver.split_id(str(each[BundlePropertyConfig.ID]))[0] for each in _PROPERTIES}
)
"""Top-level entries that MONAI's runner, its tracking and users of its bundles read themselves.

So are all whose names begin with ``_``.
"""


def check_settings(parser: ConfigParser) -> None:
    """Give every known setting of a config its kind of value, and refuse what is wrong.

    A text such as "false" or "1e-4" becomes the value that it spells. Expressions, references and components stay as
    they are. Settings that only a copied bundle knows keep whatever value they have.

    Args:
        parser: of the config; values are changed in place, also where it has been parsed.

    Raises:
        SettingError: a value is of the wrong kind, a path is one that MONAI changes, or there is a setting that nothing
            in the config reads.
    """
    config = parser.get()
    if unread := _unread(config):
        known = config.keys() - unread
        raise SettingError("\n".join(f"There is no setting {name!r}{did_you_mean(name, known)}" for name in unread))
    for name, kind in KNOWN_SETTINGS.items():
        if name in config and _is_plain(config[name]):
            value = kind.read(name, config[name])
            if kind is PATH and ("#" in value or ReferenceResolver.sep in value):
                raise SettingError(
                    f"{name} is {value!r}: MONAI reads # in a path as ::, so another one would be read or written. "
                    "Use the command monai-sar, which takes every path, or a link without # or :: in its name."
                )
            _set(parser, name, value)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about a name that is not known."""
    close = get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else "."


def _set(parser: ConfigParser, name: str, value: Any) -> None:
    """Set a value; not ``parser[name] = value``, which makes a parser that is at work forget all that it has parsed."""
    parser.get()[name] = value
    items = parser.ref_resolver.items
    if name in items:
        parts = enumerate(value) if isinstance(value, list) else ()
        for key, part in ((name, value), *((f"{name}{ReferenceResolver.sep}{index}", part) for index, part in parts)):
            items[key] = ConfigItem(part, key)
            parser.ref_resolver.remove_resolved_content(key)


def _unread(config: dict[str, Any]) -> list[str]:
    """Top-level plain values that nothing in the config refers to, and that are known to nobody."""
    read = {*KNOWN_SETTINGS, *READ_BY_MONAI}
    for text in _texts(config):
        if text.startswith("%"):
            read.update(re.findall(r"\w+", text))
        for reference in ReferenceResolver.match_refs_pattern(text):
            read.update(ReferenceResolver.split_id(reference))
    return [name for name, value in config.items() if name not in read and name[:1] != "_" and _is_plain(value)]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _is_plain(value: Any) -> bool:
    """Whether a value means itself: no expression, reference, macro or component, and none within."""
    if ConfigComponent.is_instantiable(value):
        return False
    return not any(
        ConfigExpression.is_expression(text) or text.startswith("%") or ReferenceResolver.match_refs_pattern(text)
        for text in _texts(value)
    )
