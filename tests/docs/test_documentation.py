"""Documentation that is true: blocks say what they are, links lead somewhere, tables agree with the configs."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from monai.bundle import ConfigParser

from tests.docs.pages import BUNDLES, PAGES, ROOT, Block, blocks

COMMAND_OR_CODE = re.compile(r"^(monai-sar|python3?|pip|make|torchrun|cd|from|import|assert|def|class) ", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_is_run_is_marked_as_such(page: Path) -> None:
    """Python and commands are tested by the language of their fence; ``text`` is for output, trees and formulas."""
    for block in blocks(page):
        assert block.language in ("python", "bash", "yaml", "text"), block.name
        assert block.language != "text" or not COMMAND_OR_CODE.search(block.text), block.name
    assert 2 * len(blocks(page)) == page.read_text().count("```"), "a fence that is not closed, or not at the margin"


@pytest.mark.parametrize(
    "block", [block for page in PAGES for block in blocks(page, "yaml")], ids=lambda block: block.name
)
def test_yaml_lies_over_every_training_config(block: Block, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(block.text)
    for bundle in BUNDLES:
        parser = ConfigParser()
        parser.read_config([str(bundle / "configs/train.yaml"), str(tmp_path / "mine.yaml")])
        for key in yaml.safe_load(block.text):
            assert parser[key.removeprefix("+")] is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("bundle", sorted(path.name for path in (ROOT / "bundles").glob("*_anomaly")))
def test_the_settings_page_agrees_with_the_configs(bundle: str) -> None:
    config: dict[str, Any] = yaml.safe_load((ROOT / "bundles" / bundle / "configs/train.yaml").read_text())
    sections = re.split(r"^## (.*)$", (ROOT / "docs/reference/bundle-settings.md").read_text(), flags=re.MULTILINE)
    page = dict(zip(sections[1::2], sections[2::2], strict=True))
    rows = re.findall(r"^\| (`.*?) \| (.*?) \|", page["In every bundle"] + page[bundle], re.MULTILINE)
    documented = {}
    for keys, default in rows:
        names = re.findall(r"`(\w+)`", keys)
        values = [default] if len(names) == 1 else default.split(", ")
        documented.update(dict(zip(names, values, strict=False)))
    for name, default in documented.items():
        assert name in config, name
        value = config[name]
        if not isinstance(value, str) or not value.startswith("$"):
            assert yaml.safe_load(default.strip("`")) == value, name
    settings = {
        key
        for key, value in config.items()
        if not isinstance(value, dict)
        and key not in ("imports", "initialize", "training", "run", "network", "bundle_root")
    }
    assert settings == documented.keys()
