"""The paper's reading: stored values over the largest value that can be stored."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from numpy.typing import NDArray
from PIL import Image

from monai_sar.transforms import LoadScand, StoredIntensityd


@pytest.mark.parametrize(("dtype", "largest"), [(np.uint8, 255), (np.uint16, 65535)])
def test_the_file_type_gives_the_range(tmp_path: Path, dtype: type, largest: int) -> None:
    pixels: NDArray[Any] = np.array([[0, 51], [102, 204]], dtype=dtype)
    Image.fromarray(pixels).save(tmp_path / "slice.png")
    item = StoredIntensityd("image")(LoadScand("image")({"image": tmp_path / "slice.png"}))
    np.testing.assert_allclose(item["image"][0, ..., 0].numpy().T, pixels / largest, rtol=1e-6)


def test_a_volume_has_no_stored_range() -> None:
    volume = MetaTensor(torch.ones(1, 2, 2, 2), meta={"filename_or_obj": "scan.nii.gz"})
    with pytest.raises(ValueError, match=r"scan\.nii\.gz is no image file.*intensity: foreground"):
        StoredIntensityd("image")({"image": volume})
