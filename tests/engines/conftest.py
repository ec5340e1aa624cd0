"""Normal scans to calibrate on."""

from pathlib import Path

import pytest

from tests.calibration.conftest import write_normal_images, write_normal_volumes


@pytest.fixture(scope="session")
def normal_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 patients of two images each."""
    root = tmp_path_factory.mktemp("normal")
    write_normal_images(root)
    return root


@pytest.fixture(scope="session")
def normal_volumes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A datalist of 20 patients; the first has two volumes, the others one."""
    return write_normal_volumes(tmp_path_factory.mktemp("volumes"))
