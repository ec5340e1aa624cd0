"""The table of docs/reference/python.md: every public name, and no other."""

import importlib
import inspect
import pkgutil
import re
from types import ModuleType

import pytest

import monai_sar
from tests.docs.pages import ROOT

TABLE = {
    module: set(re.findall(r"`(\w+)`", names))
    for module, names in re.findall(
        r"^\| `(monai_sar[.\w]*)` \| (.*) \|$", (ROOT / "docs/reference/python.md").read_text(), re.MULTILINE
    )
}


# The command and the app for MONAI Label are no library; monai_sar.phantoms offers what the packages in it do.
NOT_PUBLIC = ("monai_sar.cli", "monai_sar.label", "monai_sar.phantoms.")


def public_packages() -> list[ModuleType]:
    """The package and the packages below it that say what they offer."""
    names = [
        found.name
        for found in pkgutil.walk_packages(monai_sar.__path__, "monai_sar.")
        if found.ispkg and not found.name.startswith(NOT_PUBLIC)
    ]
    return [monai_sar, *(module for module in map(importlib.import_module, names) if hasattr(module, "__all__"))]


@pytest.mark.parametrize("package", public_packages(), ids=lambda package: package.__name__)
def test_the_page_names_what_is_public_and_nothing_else(package: ModuleType) -> None:
    public = {name for name in package.__all__ if name != "__version__"}
    assert TABLE[package.__name__] == public
    for name in public:
        value = getattr(package, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), f"{package.__name__}.{name} has no docstring"


def test_the_page_names_public_packages_alone() -> None:
    assert TABLE.keys() == {package.__name__ for package in public_packages()}
