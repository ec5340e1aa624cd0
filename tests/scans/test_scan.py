"""A scan's modality, identity and image."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from monai_sar.scans import ScanError, check_modality, read_scan
from monai_sar.scans.content_hash import content_sha256
from monai_sar.scans.scan import reading

Writer = Callable[..., NDArray[np.int64]]


def test_another_modality_is_told_and_an_unknown_one_passes(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path / "mr", modality="MR")
    scan = read_scan(tmp_path / "mr")
    check_modality(scan, "MR")
    with pytest.raises(ScanError, match="mr: its modality is MR, expected CT"):
        check_modality(scan, "CT")
    Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3)).save(tmp_path / "slice.png")
    check_modality(read_scan(tmp_path / "slice.png"), "CT")


def test_the_identity_of_one_file_is_its_own_sha256(tmp_path: Path, write_multi_frame: Writer) -> None:
    write_multi_frame(tmp_path / "scan")
    expected = hashlib.sha256((tmp_path / "scan").read_bytes()).hexdigest()
    assert read_scan(tmp_path / "scan").sha256 == expected


def test_the_order_of_files_is_no_part_of_their_identity(tmp_path: Path) -> None:
    files = [tmp_path / name for name in "abc"]
    for file in files:
        file.write_text(file.name)
    assert content_sha256(files) == content_sha256(files[::-1])
    assert content_sha256(files) != content_sha256(files[:2])


def test_reading_is_deterministic(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path)
    first, second = read_scan(tmp_path), read_scan(tmp_path)
    np.testing.assert_array_equal(first.image.numpy(), second.image.numpy())
    assert (first.instances, first.sha256, first.notes) == (second.instances, second.sha256, second.notes)


def test_a_lack_of_memory_is_told(tmp_path: Path) -> None:
    with pytest.raises(ScanError, match=r"reading it as NIfTI takes more memory"), reading(tmp_path, "NIfTI"):
        raise MemoryError
