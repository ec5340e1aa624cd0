"""A bundle's workflow takes settings that it has, and says which it has not."""

from pathlib import Path

import pytest

from monai_sar.cli.bundle_workflow import bundle_workflow
from monai_sar.settings import BundleError
from tests.conftest import BUNDLE


def test_settings_are_laid_over_the_configs_and_the_root_is_the_folder() -> None:
    workflow = bundle_workflow(BUNDLE, "train", "evaluate", overrides={"max_epochs": 3, "split": "valid"})
    assert workflow.parser.get_parsed_content("max_epochs") == 3
    assert workflow.parser.get_parsed_content("split") == "valid"
    assert Path(workflow.parser.get_parsed_content("bundle_root")) == BUNDLE


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is not the folder of a bundle: it has no configs/train.yaml"):
        bundle_workflow(tmp_path, "train", overrides={})
    with pytest.raises(BundleError, match="has no setting 'max_epoch'; did you mean 'max_epochs'"):
        bundle_workflow(BUNDLE, "train", overrides={"max_epoch": 3})
