"""Image files are prepared in one way, scans in units of their modality in the other."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from monai.transforms import Compose, Lambdad
from PIL import Image

from monai_sar.transforms import ByKindd, LoadScand
from tests.conftest import save_nifti


@pytest.mark.parametrize(("name", "factor"), [("scan.png", 2), ("scan.nii.gz", 3)])
def test_the_file_decides(tmp_path: Path, name: str, factor: int) -> None:
    values = np.arange(12, dtype=np.uint8).reshape(3, 4)
    if name.endswith("png"):
        Image.fromarray(values).save(tmp_path / name)
    else:
        save_nifti(tmp_path / name, values[..., None].astype(np.int16), np.eye(4))
    by_kind = ByKindd(
        "image", image_files=Lambdad("image", lambda image: image * 2), scans=Lambdad("image", lambda image: image * 3)
    )
    item: dict[Any, Any] = Compose([LoadScand("image"), by_kind])({"image": tmp_path / name, "patient": "P1"})
    assert float(item["image"].max()) == 11 * factor
    assert item["patient"] == "P1"
