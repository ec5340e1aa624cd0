"""Every Python block of the documentation runs, where the files are that it names."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import BUNDLE, one_study, save_nifti
from tests.docs.pages import PAGES, ROOT, blocks


@pytest.fixture
def named_files(
    tmp_path: Path, checkpoint: Path, write_series: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A working folder with what blocks name: a trained bundle, and a scan of each kind."""
    bundle = tmp_path / "bundles" / BUNDLE.name
    shutil.copytree(BUNDLE / "configs", bundle / "configs")
    (bundle / "models").mkdir()
    shutil.copy(checkpoint, bundle / "models/model.pt")
    save_nifti(tmp_path / "scan.nii.gz")
    write_series(tmp_path / "series", modality="MR", shape=(5, 34, 30), edit=one_study())
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (34, 30), np.uint8)).save(tmp_path / "slice.png")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("named_files")
@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: str(page.relative_to(ROOT))
)
def test_the_python_of_a_page_runs_in_order(page: Path) -> None:
    namespace: dict[str, Any] = {}
    for block in blocks(page, "python"):
        # empty lines in front, so that a traceback has the page's own line numbers
        exec(compile("\n" * block.line + block.text, page, "exec"), namespace)  # noqa: S102 (our own documentation)
