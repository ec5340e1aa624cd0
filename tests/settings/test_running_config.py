"""Settings of the config that is running."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from monai.bundle import ConfigWorkflow

from monai_sar.settings import SettingError, check_running_config
from tests.bundles.conftest import ROOT

CONFIGS = ROOT / "bundles" / "brain_mri_anomaly" / "configs"


def workflow(tmp_path: Path, **config: Any) -> ConfigWorkflow:
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({"initialize": [{"_target_": "monai_sar.settings.check_running_config"}], **config}))
    return ConfigWorkflow(str(file), meta_file=str(CONFIGS / "metadata.json"), logging_file=False)


def test_what_comes_after_it_sees_the_values_that_were_meant(tmp_path: Path) -> None:
    running = workflow(
        tmp_path,
        resume="false",
        learning_rate="1e-4",
        dilations="[3, 6]",
        window=["-125", 275],
        run=[
            {
                "_target_": "builtins.dict",
                "resume": "@resume",
                "rate": "$@learning_rate * 10",
                "dilation": "@dilations#1",
                "low": "@window#0",
                "all": "$[*@dilations, *@window]",
            }
        ],
    )
    running.initialize()
    assert running.parser.get_parsed_content("run")[0] == {
        "resume": False,
        "rate": 0.001,
        "dilation": 6,
        "low": -125,
        "all": [3, 6, -125, 275],
    }


def test_it_belongs_into_a_config() -> None:
    with pytest.raises(RuntimeError, match="No config is running"):
        check_running_config()


def test_a_wrong_setting_stops_before_anything_is_made(tmp_path: Path) -> None:
    running = workflow(tmp_path, max_epochs="many", run=["$@max_epochs"])
    with pytest.raises(RuntimeError) as caught:
        running.initialize()
    assert isinstance(caught.value.__cause__, SettingError)
