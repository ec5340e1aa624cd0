"""The text of an option."""

import math
from typing import Any

import pytest

from monai_sar.settings.text_value import value_of_text


@pytest.mark.parametrize("text", ["1e-4", "1E-4", "1.0e-4", "+1e-4", "1.e-4", "0.0001"])
def test_numbers_in_every_spelling(text: str) -> None:
    assert math.isclose(value_of_text(text), 0.0001)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("false", False),
        ("null", None),
        ("", None),
        ("0042", 42),
        ("1_000", 1000),
        ("1:30", "1:30"),
        ("0x10", "0x10"),
        (".5", 0.5),
        (".5e3", 500.0),
        ("-.inf", -math.inf),
        (".", "."),
        ("[48, 1e3]", [48, 1000.0]),
        ("1,5", "1,5"),
        ("2026e", "2026e"),
        ("1e-4x", "1e-4x"),
        ("a/b.png", "a/b.png"),
        ("'7'", "7"),
    ],
)
def test_as_in_yaml(text: str, value: Any) -> None:
    assert value_of_text(text) == value
    assert type(value_of_text(text)) is type(value)


@pytest.mark.parametrize("text", ["[1, 2", "{a: ", "'open", "!!python/object/apply:os.getcwd []"])
def test_what_is_no_yaml_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be read as a value in YAML"):
        value_of_text(text)
