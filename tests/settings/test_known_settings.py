"""What every setting may be, and what is said of anything else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from monai.bundle import ConfigParser

from monai_sar.settings import SettingError, check_settings
from monai_sar.settings.known_settings import KNOWN_SETTINGS
from tests.bundles.conftest import ROOT

CONFIGS = sorted((ROOT / "bundles").glob("*_anomaly/configs/*.yaml"))


def own(config: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(config.read_text())
    return read


def is_plain(value: Any) -> bool:
    if isinstance(value, (dict, list)):
        return all(map(is_plain, value.values() if isinstance(value, dict) else value))
    return not (isinstance(value, str) and value.startswith(("$", "@", "%", "monai")))


def plain(kind: type) -> Iterator[Any]:
    for config in CONFIGS:
        for name, value in own(config).items():
            if isinstance(value, kind) and is_plain(value):
                yield pytest.param(config, name, value, id=f"{config.parents[1].name}-{config.stem}-{name}")


def read(config: Path, **overrides: Any) -> ConfigParser:
    """A config as it is run: evaluate.yaml and multi_gpu_train.yaml are laid over train.yaml."""
    files = [config] if config.stem in ("train", "inference") else [config.parent / "train.yaml", config]
    parser = ConfigParser()
    parser.read_config([str(file) for file in files])
    parser.update(overrides)
    return parser


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: f"{path.parents[1].name}-{path.stem}")
def test_a_config_has_no_setting_without_a_kind_and_none_that_is_refused(config: Path) -> None:
    assert [name for name, value in own(config).items() if is_plain(value) and name not in KNOWN_SETTINGS] == []
    parser = read(config)
    before = yaml.safe_dump(parser.get())
    check_settings(parser)
    assert yaml.safe_dump(parser.get()) == before


@pytest.mark.parametrize("text", ["true", "false", "True", "FALSE", "yes", "no"])
@pytest.mark.parametrize(("config", "name", "value"), [*plain(bool)])
def test_every_flag_works_as_it_is_written(config: Path, name: str, value: bool, text: str) -> None:
    parser = read(config, **{name: text})
    check_settings(parser)
    assert parser[name] is (text.lower() in ("true", "yes"))


@pytest.mark.parametrize(("config", "name", "value"), [*plain(float), *plain(int), *plain(list)])
def test_numbers_and_lists_may_be_text(config: Path, name: str, value: Any) -> None:
    parser = read(config, **{name: str(value)})
    check_settings(parser)
    assert parser[name] == value
    assert type(parser[name]) is type(value)
    with pytest.raises(SettingError, match=f"^{name} is 'abc'; expected "):
        check_settings(read(config, **{name: "abc"}))


@pytest.mark.parametrize(
    ("name", "given", "meant"),
    [
        ("learning_rate", "1e-4", 0.0001),
        ("threshold", "1e3", 1000.0),
        ("threshold", "null", None),
        ("max_epochs", 3.0, 3),
        ("smoothing", 1, 1),
        ("image_size", (48, 64), [48, 64]),
        ("image_size", "null", None),
        ("dilations", "[3, 6]", [3, 6]),
        ("encoder_layers", [-1], [-1]),
        ("resume", 0, False),
        ("ckpt_dir", Path("models"), "models"),
        ("device", "cpu", "cpu"),
        ("feature_scaling", "none", "none"),
        ("lesion_suffix", "null", None),
    ],
)
def test_what_is_meant_is_understood(name: str, given: Any, meant: Any) -> None:
    value = KNOWN_SETTINGS[name].read(name, given)
    assert value == meant
    assert type(value) is type(meant)


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        ("learning_rate", "abc", "learning_rate is 'abc'; expected a number of 0 or more, such as 0.001."),
        ("threshold", "1,5", "threshold is '1,5'; expected a number, such as 1.5, or null."),
        ("threshold", float("inf"), "threshold is inf; expected a number, such as 1.5, or null."),
        ("max_epochs", 0, "max_epochs is 0; expected a whole number of 1 or more, such as 40."),
        ("learning_rate", 10**400, f"learning_rate is {10**400}; expected a number of 0 or more, such as 0.001."),
        ("seed", 2**32, "seed is 4294967296; expected a whole number of 0 or more, at most 4294967295, such as 42."),
        ("max_epochs", True, "max_epochs is True; expected a whole number of 1 or more, such as 40."),
        ("batch_size", 3.5, "batch_size is 3.5; expected a whole number of 1 or more, such as 64."),
        ("slices_per_batch", "abc", "slices_per_batch is 'abc'; expected a whole number of 1 or more, such as 4."),
        ("resume", "maybe", "resume is 'maybe'; expected true or false."),
        ("resume", 2, "resume is 2; expected true or false."),
        ("dilations", 3, "dilations is 3; expected a list of whole numbers of 1 or more, such as [3, 6]."),
        ("dilations", [], "dilations is []; expected a list of whole numbers of 1 or more, such as [3, 6]."),
        ("dilations", [True], "dilations is [True]; expected a list of whole numbers of 1 or more, such as [3, 6]."),
        ("window", [2, 1], "window is [2, 1]; expected two numbers in HU, the lower first, such as [-125, 275]."),
        ("mode", "causl", "mode is 'causl'; expected one of causal, bidirectional, standard, blind_spot."),
        ("noise_probability", 1.5, "noise_probability is 1.5; expected a number from 0 to 1, such as 0.2."),
        ("device", "cpuu", "device is 'cpuu'; expected a device such as cpu, cuda or cuda:1."),
        ("output_dir", 7, "output_dir is 7; expected the path of a file or folder; if its name is a number, ./7."),
        (
            "image_size",
            [48],
            "image_size is [48]; expected height and width in pixels, two whole numbers such as [448, 448], or null.",
        ),
        (
            "spacing",
            "[1, 2,",
            "spacing is '[1, 2,'; expected three lengths above 0 in mm, between columns, rows and slices, such as "
            "[0.5, 0.5, 3.0], or null.",
        ),
    ],
)
def test_anything_else_is_refused_in_a_sentence(name: str, given: Any, sentence: str) -> None:
    with pytest.raises(SettingError) as caught:
        KNOWN_SETTINGS[name].read(name, given)
    assert str(caught.value) == sentence
