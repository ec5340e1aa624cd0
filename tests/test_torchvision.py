"""timm imports, whatever state torchvision is in."""

import subprocess
import sys


def test_timm_imports_in_a_fresh_process_and_makes_a_model() -> None:
    script = (
        "from monai_sar._torchvision import timm; import torchvision; "
        "print(timm.create_model('vit_tiny_patch16_224', num_classes=0).num_features)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "192"


def test_another_fault_of_torchvision_is_not_hidden() -> None:
    """A torchvision that fails for a reason of its own must still say so."""
    script = (
        "import pathlib, sys, tempfile; folder = pathlib.Path(tempfile.mkdtemp()); "
        "(folder / 'torchvision.py').write_text('raise RuntimeError(\"no libjpeg\")'); "
        "sys.path.insert(0, str(folder)); import monai_sar._torchvision"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "no libjpeg" in done.stderr
