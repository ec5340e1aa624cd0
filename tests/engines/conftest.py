"""Normal images of many patients on disk."""

from pathlib import Path

import pytest

from tests.calibration.conftest import write_normal_images


@pytest.fixture(scope="session")
def normal_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 patients of two images each."""
    root = tmp_path_factory.mktemp("normal")
    write_normal_images(root)
    return root
