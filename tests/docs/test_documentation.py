"""Documentation that is true: its Python runs, its links lead somewhere, its tables agree with the configs."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import monai_sar.calibration
import monai_sar.datasets
import monai_sar.engines
import monai_sar.evaluation
import monai_sar.export
import monai_sar.features
import monai_sar.inferers
import monai_sar.losses
import monai_sar.metrics
import monai_sar.networks
import monai_sar.results
import monai_sar.settings
import monai_sar.transforms

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bundles/*/docs/*.md"), ROOT / "data/README.md"]
)
SNIPPETS = [
    pytest.param(code, id=f"{page.relative_to(ROOT)}-{index}")
    for page in PAGES
    for index, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))
]


@pytest.mark.parametrize("code", SNIPPETS)
def test_python_snippets_run(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "snippet", "exec"), {})  # noqa: S102 (our own documentation)


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


@pytest.mark.parametrize(
    "line",
    re.findall(r"^\| `(monai_sar\.\w+)` \| (.*) \|$", (ROOT / "docs/reference/python.md").read_text(), re.MULTILINE),
)
def test_the_python_page_names_what_exists(line: tuple[str, str]) -> None:
    module = getattr(monai_sar, line[0].removeprefix("monai_sar."))
    for name in re.findall(r"`(\w+)`", line[1]):
        assert getattr(module, name).__doc__
