"""A header tells what reading the whole scan would tell: one slice, or several."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from monai_sar.scans import ScanError, read_scan
from monai_sar.scans.single_slice import is_single_slice
from tests.conftest import save_nifti


def pixels(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (8, 9), dtype=np.uint8))


def write(folder: Path, kind: str, slices: int, write_series: Callable[..., Any]) -> Path:
    if kind == "nifti":
        voxels = np.arange(72 * slices, dtype=np.int16).reshape(8, 9, slices)
        return save_nifti(folder / "scan.nii.gz", voxels, np.diag([1.0, 1.0, 4.0, 1.0]))
    if kind == "tiff":
        first, *others = (pixels(number) for number in range(slices))
        first.save(folder / "scan.tif", save_all=True, append_images=others)
        return folder / "scan.tif"
    if kind == "stack":
        for number in range(slices):
            pixels(number).save(folder / f"{number}.png")
        return folder
    write_series(folder / "series", shape=(slices, 8, 10))
    return folder / "series" if kind == "series" else folder


@pytest.mark.parametrize("slices", [1, 3])
@pytest.mark.parametrize("kind", ["nifti", "tiff", "stack", "series", "folder above a series"])
def test_as_many_as_reading_finds(kind: str, slices: int, tmp_path: Path, write_series: Callable[..., Any]) -> None:
    path = write(tmp_path, kind, slices, write_series)
    spacing = (1.0, 1.0, 1.0) if kind in ("tiff", "stack") else None
    scan = read_scan(path, spacing=spacing)
    assert scan.image.shape[1 + scan.slice_axis] == slices
    assert is_single_slice(path) is (slices == 1)


def test_what_is_no_scan_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scan.nii.gz").write_bytes(b"damaged")
    with pytest.raises(ScanError, match="cannot be read as NIfTI"):
        is_single_slice(tmp_path / "scan.nii.gz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ScanError, match="holds no NIfTI"):
        is_single_slice(tmp_path / "empty")
