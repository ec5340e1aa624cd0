"""Settings of a whole config, and names that nobody knows."""

from typing import Any

import pytest
from monai.bundle import ConfigParser

from monai_sar.settings import SettingError, check_settings


def checked(**config: Any) -> dict[str, Any]:
    parser = ConfigParser(config)
    check_settings(parser)
    result: dict[str, Any] = parser.get()
    return result


@pytest.mark.parametrize("value", ["$1 + 1", "@batch_size", "%batch_size", {"_target_": "builtins.int"}])
def test_what_the_config_computes_stays(value: Any) -> None:
    config = {"max_epochs": value, "batch_size": 4}
    assert checked(**config) == config


@pytest.mark.parametrize(
    "reader",
    [
        "@my_level",
        "$@my_level[0] + 1",
        "%my_level",
        "%my_level::0",
        {"_target_": "builtins.dict", "level": "@my_level"},
        [{"deep": "$print(@batch_size, @my_level)"}],
        "@##my_level",
    ],
)
def test_a_setting_of_a_copied_bundle_passes_whatever_it_is_if_something_reads_it(reader: Any) -> None:
    config = {"my_level": ["abc"], "reader": reader, "batch_size": 4}
    assert checked(**config) == config


@pytest.mark.parametrize("value", [0.1, "text", None, [1, 2], {"a": 1}, []])
def test_a_setting_that_nothing_reads_is_refused(value: Any) -> None:
    with pytest.raises(SettingError, match=r"^There is no setting 'learning_rat'; did you mean 'learning_rate'\?$"):
        checked(learning_rate=0.1, learning_rat=value)
    with pytest.raises(SettingError, match=r"^There is no setting 'zebra'\.$"):
        checked(learning_rate=0.1, zebra=value)


def test_all_that_are_misspelt_are_named() -> None:
    with pytest.raises(SettingError, match="max_epoch'.*'max_epochs'(.|\n)*'resum'.*'resume'"):
        checked(max_epochs=1, resume=True, max_epoch=1, resum=False)


@pytest.mark.parametrize("path", ["run#1", "run::1", "a/#1/b"])
def test_a_path_that_monai_would_change_is_refused(path: str) -> None:
    with pytest.raises(SettingError, match="MONAI reads # in a path as ::"):
        checked(ckpt_dir=path)


def test_what_a_config_does_not_have_is_not_offered() -> None:
    with pytest.raises(SettingError, match=r"'max_epoch'\.$"):
        checked(amp=False, max_epoch=1)


@pytest.mark.parametrize("name", ["imports", "initialize", "run", "finalize", "handlers", "_meta_", "_own_notes"])
def test_what_monai_reads_itself_is_no_setting(name: str) -> None:
    assert checked(**{name: []})[name] == []


def test_steps_of_another_name_are_no_settings() -> None:
    config = {"fine_tuning": ["$print('x')"], "about": "@amp", "amp": False}
    assert checked(**config) == config
