"""Mixed precision is used where it is of use, and whoever asked for it elsewhere is told so once."""

import logging
from pathlib import Path
from typing import Any

import pytest
import yaml
from monai.bundle import ConfigWorkflow

from monai_sar.networks import mixed_precision, use_mixed_precision
from tests.bundles.conftest import ROOT, TINY, untrained_checkpoint

CONFIGS = ROOT / "bundles" / "brain_mri_anomaly" / "configs"


@pytest.fixture(params=[True, False], ids=["fast", "slow"])
def fast(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether this processor is taken for one that is made for bfloat16."""
    monkeypatch.setattr(mixed_precision, "_has_fast_bfloat16", lambda: request.param)
    is_fast: bool = request.param
    return is_fast


@pytest.mark.parametrize(("amp", "device"), [(False, "cpu"), (True, "cuda"), (True, "cuda:1"), (False, "cuda")])
def test_what_does_not_depend_on_the_processor(
    amp: bool, device: str, fast: bool, caplog: pytest.LogCaptureFixture
) -> None:
    assert use_mixed_precision(amp, device) is amp
    assert not caplog.records


def test_a_processor_that_is_slower_with_it_does_without(fast: bool, caplog: pytest.LogCaptureFixture) -> None:
    assert use_mixed_precision(True, "cpu") is fast
    assert [record.levelname for record in caplog.records] == ([] if fast else ["WARNING"])


def test_the_question_can_be_asked_of_this_processor() -> None:
    assert mixed_precision._has_fast_bfloat16() in (True, False)


@pytest.mark.parametrize("names", [["train"], ["train", "evaluate"], ["inference"]], ids=" ".join)
def test_every_workflow_says_so_before_it_begins(
    names: list[str], fast: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint = untrained_checkpoint(CONFIGS.parent, tmp_path / "model.pt")
    settings: dict[str, Any] = {**TINY, "amp": "true", "device": "cpu"}  # text, as on the command line
    if names != ["train"]:
        settings["ckpt_path"] = str(checkpoint)
    workflow = ConfigWorkflow([str(CONFIGS / f"{name}.yaml") for name in names], logging_file=False, **settings)
    with caplog.at_level(logging.WARNING, logger=mixed_precision.__name__):
        workflow.initialize()
        assert workflow.parser.get_parsed_content("mixed_precision") is fast
    told = [record for record in caplog.records if record.name == mixed_precision.__name__]
    assert len(told) == (not fast)


@pytest.mark.parametrize("name", ["train", "evaluate", "inference"])
def test_nothing_in_a_config_uses_it_unasked(name: str) -> None:
    def uses(value: Any) -> list[Any]:
        if isinstance(value, list):
            return [found for each in value for found in uses(each)]
        if not isinstance(value, dict) or value.get("_target_", "").endswith("use_mixed_precision"):
            return []
        own = [value["amp"]] if "amp" in value and "_target_" in value else []
        return own + [found for each in value.values() for found in uses(each)]

    assert set(uses(yaml.safe_load((CONFIGS / f"{name}.yaml").read_text()))) == {"@mixed_precision"}
