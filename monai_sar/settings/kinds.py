"""Kinds of values that a setting can have, and how each is described to whoever gave another one."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Annotated, Any

import torch
from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError

from monai_sar.settings.text_value import value_of_text

__all__ = [
    "DEVICE",
    "FLAG",
    "PATH",
    "TEXT",
    "UID",
    "WINDOW",
    "Kind",
    "SettingError",
    "choice",
    "list_of",
    "number",
    "whole_number",
]


class SettingError(ValueError):
    """A setting has a value of the wrong kind, or there is no such setting: the message says which and what to give."""


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    Attributes:
        type: for pydantic; may convert, such as the text "3" to the number.
        expected: in words, as the end of a sentence.
        is_text: whether the value is text, so that no text can be meant for a number.
    """

    type: Any
    expected: str
    is_text: bool = False

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.type)

    def read(self, name: str, value: Any) -> Any:
        """The value, of this kind.

        Args:
            name: of the setting.
            value: as it was given.

        Raises:
            SettingError: it is of another kind.
        """
        try:
            return self._adapter.validate_python(value)
        except ValidationError:
            raise SettingError(f"{name} is {value!r}; expected {self.expected}.") from None

    def read_option(self, name: str, text: str) -> Any:
        """The value that the text of an option spells; of a text as it is written, but for quotation marks around it.

        Args:
            name: of the setting.
            text: as in YAML where the value is no text.

        Raises:
            SettingError: it spells a value of another kind.
        """
        quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
        if self.is_text and not quoted:
            return self.read(name, text)
        try:
            value = value_of_text(text)
        except ValueError:
            value = text
        return self.read(name, value)

    def or_null(self) -> "Kind":
        """This kind, or None, which may be written as the text "null"."""
        null = BeforeValidator(_null_from_text)
        return Kind(Annotated[self.type | None, null], f"{self.expected}, or null", is_text=self.is_text)


def _from_text(value: Any) -> Any:
    return value_of_text(value) if isinstance(value, str) else value


def _null_from_text(value: Any) -> Any:
    return None if isinstance(value, str) and value.strip() in ("", "~", "null", "Null", "NULL", "None") else value


def _number_from_text(value: Any) -> Any:
    value = _from_text(value)
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers")
    return value


def _finite(value: float) -> float:
    try:
        finite = isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        finite = False
    if not finite:
        raise ValueError("not finite")
    return value


def whole_number(*, example: int, least: int | None = None, most: int | None = None) -> Kind:
    """A whole number, of at least ``least`` and at most ``most``."""
    kind = Annotated[int, BeforeValidator(_number_from_text), Field(ge=least, le=most)]
    range_ = "" if least is None else f" of {least} or more"
    range_ += "" if most is None else f", at most {most}"
    return Kind(kind, f"a whole number{range_}, such as {example}")


def number(
    *, example: float, at_least: float | None = None, at_most: float | None = None, above: float | None = None
) -> Kind:
    """A finite number within bounds. A whole one stays an int."""
    bounds = {"ge": at_least, "le": at_most, "gt": above}
    kind = Annotated[
        int | float,
        BeforeValidator(_number_from_text),
        AfterValidator(_finite),
        Field(**{key: bound for key, bound in bounds.items() if bound is not None}),
    ]
    if at_least is not None and at_most is not None:
        range_ = f" from {at_least} to {at_most}"
    elif at_least is not None:
        range_ = f" of {at_least} or more"
    else:
        range_ = "" if above is None else f" above {above}"
        range_ += "" if at_most is None else f", at most {at_most}"
    return Kind(kind, f"a number{range_}, such as {example}")


def list_of(kind: Kind, expected: str, *, length: int | None = None) -> Kind:
    """A list of values of a kind: ``length`` of them, or else one or more."""
    size = Field(min_length=length or 1, max_length=length)
    return Kind(Annotated[list[kind.type], BeforeValidator(_from_text), size], expected)  # type: ignore[name-defined]


def choice(*names: str) -> Kind:
    """One of some texts."""
    return Kind(Annotated[str, AfterValidator(_one_of(names))], f"one of {', '.join(names)}", is_text=True)


def _one_of(names: tuple[str, ...]) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in names:
            raise ValueError("none of them")
        return value

    return check


def _fspath(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _uid(value: str) -> str:
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)*", value, re.ASCII) or len(value) > 64:  # DICOM PS3.5, 9.1
        raise ValueError("no UID")
    return value


def _device(value: Any) -> Any:
    if not isinstance(value, torch.device):
        try:
            torch.device(value)
        except (RuntimeError, TypeError) as error:
            raise ValueError("no device") from error
    return value


def _ascending(value: list[float]) -> list[float]:
    if value[0] >= value[1]:
        raise ValueError("not ascending")
    return value


FLAG = Kind(Annotated[bool, BeforeValidator(_from_text)], "true or false")
TEXT = Kind(str, "text; to give a number as text, quote it twice: \"'7'\"", is_text=True)
PATH = Kind(
    Annotated[str, BeforeValidator(_fspath)],
    "the path of a file or folder; if its name is a number, ./7",
    is_text=True,
)
UID = Kind(
    Annotated[str, AfterValidator(_uid)],
    "a DICOM UID, digits and dots, at most 64, such as 1.2.840.113619.2.5",
    is_text=True,
)
DEVICE = Kind(Annotated[Any, AfterValidator(_device)], "a device such as cpu, cuda or cuda:1")
_LEVELS = list_of(number(example=0), "two numbers in HU, the lower first, such as [-125, 275]", length=2)
WINDOW = Kind(Annotated[_LEVELS.type, AfterValidator(_ascending)], _LEVELS.expected)
