"""MONAI Label's own app for bundles serves ours as well: the anomaly map as its result."""

# nibabel is typed in part
# mypy: disable-error-code="no-untyped-call, attr-defined"
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml

from monai_sar.inferers import ScanPredictor
from tests.bundles.conftest import TINY, untrained_checkpoint
from tests.conftest import BUNDLE
from tests.label.conftest import REASON, LabelServer

pytest.importorskip("monailabel", reason=REASON)
STOCK = Path(sys.prefix) / "monailabel" / "sample-apps" / "monaibundle"
pytestmark = [
    pytest.mark.label,
    pytest.mark.skipif(not STOCK.is_dir(), reason="MONAI Label's sample apps are not installed beside it"),
]


@pytest.mark.parametrize("name", ["brain_mri_anomaly"])
def test_the_stock_app_gives_the_same_map(
    start_server: Callable[..., LabelServer], studies: Path, tmp_path: Path, name: str
) -> None:
    app = Path(shutil.copytree(STOCK, tmp_path / "stock"))
    bundle = Path(shutil.copytree(BUNDLE.parent / name, app / "model" / name))
    (bundle / "models").mkdir(exist_ok=True)
    checkpoint = untrained_checkpoint(bundle, bundle / "models" / "model.pt")
    # this app goes by the config alone, which has to say what the checkpoint was trained with
    config = bundle / "configs" / "inference.yaml"
    config.write_text(yaml.safe_dump({**yaml.safe_load(config.read_text()), **TINY}, sort_keys=False))
    server = start_server(studies, {"models": name, "zoo_source": "local", "sam2": "false"}, app=app)
    file, _ = server.client.infer(name, "head_0", {})
    expected = ScanPredictor.from_bundle(BUNDLE.parent / name, ckpt_path=checkpoint)
    scan = studies / "head_0.nii.gz"
    image = nib.load(file)
    np.testing.assert_allclose(np.asarray(image.dataobj), expected(scan).anomaly_map[0].numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(image.affine, nib.load(scan).affine, atol=1e-4)
