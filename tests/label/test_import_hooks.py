"""MONAI Label imports beside the libraries of today."""

import subprocess
import sys

import pytest

from tests.label.conftest import REASON

pytest.importorskip("monailabel", reason=REASON)
pytestmark = pytest.mark.label

CODE = """
import sys
assert "monai_sar.label.import_hooks" in sys.modules, "make label-env writes a .pth file that imports it"
assert "torch" not in sys.modules, "every start of the interpreter would take seconds"
import torchvision.utils
import pydicom._storage_sopclass_uids, pydicom.uid
assert pydicom._storage_sopclass_uids is pydicom.uid
assert sys.modules["torchvision"].utils is torchvision.utils
import monailabel.app, monailabel.interfaces.utils.app
"""


def test_every_process_of_the_environment_can_import_it() -> None:
    result = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
