"""Every dotted name of this package that is written somewhere exists: in pages, docstrings, comments and configs."""

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.docs.pages import PAGES, ROOT

SOURCES = sorted(
    [
        *ROOT.glob("monai_sar/**/*.py"),
        *ROOT.glob("benchmarks/**/*.py"),
        *ROOT.glob("bundles/**/*.py"),
        *ROOT.glob("bundles/**/*.yaml"),
        *ROOT.glob("bundles/**/*.jinja"),
        *ROOT.glob("bundles/**/*.json"),
    ]
)
LABEL = "monai_sar.label"  # imports MONAI Label, which has an environment of its own
KEYS_OF_FILES = ("monai_sar.json",)  # under which an exported file holds its metadata

DOTTED = re.compile(r"(?<![\w./])monai_sar(?:\.\w+)+")
ROLE = re.compile(r":(?:class|func|meth|mod|attr|data|exc):`~?([\w.]+)`")


def resolve(name: str) -> Any:
    """What a dotted name means.

    Raises:
        AttributeError: it means nothing.
    """
    parts = name.split(".")
    found: Any = importlib.import_module(parts[0])
    for index, part in enumerate(parts[1:], 2):
        if isinstance(found, ModuleType) and not hasattr(found, part):
            try:
                importlib.import_module(".".join(parts[:index]))
            except ModuleNotFoundError as error:
                raise AttributeError(f"{name}: {found.__name__} has no {part}") from error
        if part in getattr(found, "__dataclass_fields__", ()):  # without a default they are no attributes of the class
            return found.__dataclass_fields__[part]
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("path", [*PAGES, *SOURCES], ids=lambda path: str(path.relative_to(ROOT)))
def test_dotted_names_exist(path: Path) -> None:
    for name in sorted(set(DOTTED.findall(path.read_text()))):
        if not name.startswith((LABEL, *KEYS_OF_FILES)):
            resolve(name)


def references() -> Iterator[tuple[str, str]]:
    """Of docstrings and comments: the module, and what a role in it refers to by a short name."""
    for path in SOURCES:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if path.suffix == ".py" and path.parts[-2] != "source" and not module.startswith(LABEL):
            for name in ROLE.findall(path.read_text()):
                if "." not in name or not name.startswith(("monai_sar.", "monai.", "torch.")):
                    yield module.removesuffix(".__init__"), name


@pytest.mark.parametrize(("module", "name"), sorted(set(references())))
def test_short_references_exist_where_they_stand(module: str, name: str) -> None:
    """``:func:`fit``` means a name of its module, or of a class in it."""
    importlib.import_module(module)
    here = vars(sys.modules[module])
    first = name.split(".")[0]
    classes = [value for value in here.values() if isinstance(value, type) and value.__module__ == module]
    assert first in here or any(hasattr(cls, first) or first in _fields(cls) for cls in classes)


def _fields(cls: type) -> dict[str, Any]:
    return getattr(cls, "__dataclass_fields__", {})
