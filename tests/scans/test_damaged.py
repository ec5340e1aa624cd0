"""Files cut short or with changed bytes: read or told, never a traceback from deep inside, never a name."""

import random
import traceback
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import uid

from monai_sar.scans import Scan, ScanError, read_scan

# nibabel is typed in part
# mypy: disable-error-code="no-untyped-call"

Writer = Callable[..., NDArray[np.int64]]
FORMATS = ["image.png", "image.jpg", "image.tif", "volume.nii", "volume.nii.gz", "native", "rle", "jpeg_ls"]


@pytest.fixture
def whole(tmp_path: Path, write_multi_frame: Writer) -> Callable[[str], bytes]:
    """Give the bytes of a sound file of a format."""

    def make(name: str) -> bytes:
        path = tmp_path / "whole" / name
        path.parent.mkdir()
        pixels = np.random.default_rng(0).integers(0, 255, (20, 20)).astype(np.uint8)
        if name.startswith("image"):
            Image.fromarray(pixels).save(path)
        elif name.startswith("volume"):
            nib.save(nib.Nifti1Image(pixels.reshape(5, 8, 10), np.eye(4)), path)
        else:
            syntaxes = {"rle": uid.RLELossless, "jpeg_ls": uid.JPEGLSLossless, "native": uid.ExplicitVRLittleEndian}
            write_multi_frame(path, syntax=syntaxes[name])
        return path.read_bytes()

    return make


def read_or_told(path: Path, assert_no_secret: Callable[[str], None]) -> Scan | None:
    """Read a damaged file; any error but ScanError fails the test."""
    try:
        return read_scan(path)
    except ScanError as error:
        told = error
    assert str(path) in str(told)
    assert_no_secret("".join(traceback.format_exception(told)))
    return None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FORMATS)
def test_cut_files_are_told(
    tmp_path: Path, whole: Callable[[str], bytes], assert_no_secret: Callable[[str], None], name: str
) -> None:
    content = whole(name)
    draw = random.Random(0)  # noqa: S311 - not for secrets
    for length in [0, 1, 131, 132, 133, *(draw.randrange(len(content) - 40) for _ in range(60))]:
        (tmp_path / name).write_bytes(content[:length])
        assert read_or_told(tmp_path / name, assert_no_secret) is None, length


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FORMATS)
def test_changed_bytes_are_read_or_told(
    tmp_path: Path, whole: Callable[[str], bytes], assert_no_secret: Callable[[str], None], name: str
) -> None:
    content = whole(name)
    draw = random.Random(0)  # noqa: S311 - not for secrets
    told = 0
    for _ in range(80):
        changed = bytearray(content)
        for _ in range(draw.choice([1, 3, 20])):
            changed[draw.randrange(min(len(content), 3000))] = draw.randrange(256)
        (tmp_path / name).write_bytes(changed)
        told += read_or_told(tmp_path / name, assert_no_secret) is None
    assert told > 0
