"""Values from outside a config mean themselves, whatever they look like."""

import os
from pathlib import Path
from typing import Any

import pytest
from monai.bundle import ConfigParser

from monai_sar.settings import SettingError, setting_of_text
from monai_sar.settings.literal_value import literal, literal_settings

TEXTS = [
    "plain",
    "$print(7)",
    "$__import__('os').abort()",
    "$import os",
    "@other",
    "%other",
    "#1",
    "run#1",
    "a::b",
    "a@#b",
    "a%::b",
    "$@other + '%other'",
    "back\\slash\\@other",
    "quotes ' \" \\' @other",
    "line\nbreak #2",
    "Grüße #日本",
    "\udcff@other",
    "{@other}",
    "~",
    "",
]


@pytest.mark.parametrize("text", TEXTS)
def test_text_comes_out_of_a_config_as_it_went_in(text: str) -> None:
    parser = ConfigParser({"other": 7, "value": None, "deep": {"list": None}, "reader": "$@value + '!'"})
    parser.update({"value": literal(text), "deep": {"list": literal([text, {"key": text}])}})
    assert parser.get_parsed_content("value") == text
    assert parser.get_parsed_content("deep") == {"list": [text, {"key": text}]}
    assert parser.get_parsed_content("reader") == text + "!"


@pytest.mark.parametrize("value", [7, 0.5, True, None, [1, 2]])
def test_other_values_stay(value: Any) -> None:
    assert literal(value) == value


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": {"_target_": "os.system", "command": "true"}},
        {"optimizer": [{"deep": {"_target_": "os.system"}}]},
        {"optimizer#_target_": "os.system"},
        {"optimizer::_mode_": "debug"},
        {"optimizer": {"a#_target_": "os.system"}},
    ],
)
def test_a_setting_cannot_say_which_class_a_component_is_of(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="says what a config runs"):
        literal_settings(settings)


def test_settings_are_of_their_kind() -> None:
    assert literal_settings({"ckpt_dir": Path("$x"), "max_epochs": "3", "own": 1.5}) == {
        "ckpt_dir": "$'$x'",
        "max_epochs": 3,
        "own": 1.5,
    }
    with pytest.raises(SettingError, match=r"^max_epochs is '\$print\(7\)'; expected a whole number"):
        literal_settings({"max_epochs": "$print(7)"})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("ckpt_dir", "2024_11_25", "2024_11_25"),
        ("ckpt_dir", "2024-11-25", "2024-11-25"),
        ("ckpt_dir", "run #1", "run #1"),
        ("ckpt_dir", "a: b", "a: b"),
        ("ckpt_dir", "@x", "@x"),
        ("ckpt_dir", "'quoted'", "quoted"),
        ("ckpt_dir", '"2024"', "2024"),
        ("series_uid", "1.2", "1.2"),
        ("series_uid", "null", None),
        ("lesion_suffix", "1e5", "1e5"),
        ("learning_rate", "1e-4", 0.0001),
        ("dilations", "[3, 6]", [3, 6]),
        ("my_own", "[3, a]", [3, "a"]),
    ],
)
def test_the_text_of_an_option_is_read_as_its_setting_is(name: str, text: str, value: Any) -> None:
    assert setting_of_text(name, text) == value


@pytest.mark.parametrize("uid", ["1.2.840 113", "$x", "1.2\n", "1..2", "a.b", "1." * 40 + "1", "\u0661.\u0662", ""])
def test_what_is_no_uid_is_refused(uid: str) -> None:
    if uid == "":
        assert setting_of_text("series_uid", uid) is None
        return
    with pytest.raises(SettingError, match="expected a DICOM UID"):
        setting_of_text("series_uid", uid)


@pytest.mark.skipif(os.name != "posix", reason="names of files are bytes on POSIX alone")
def test_a_path_of_any_bytes_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff#@$%")
    path.write_text("here")
    parser = ConfigParser(literal_settings({"ckpt_dir": path}))
    assert Path(parser.get_parsed_content("ckpt_dir")).read_text() == "here"
