"""Slices of one series that lie among scans are found; scans of one file are not taken for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from monai_sar.datasets.loose_slices import find_loose_slices
from tests.conftest import save_nifti


def test_files_of_one_series_are_loose_and_others_are_not(tmp_path: Path, write_series: Callable[..., Any]) -> None:
    write_series(tmp_path / "volume", shape=(3, 4, 4), number=1)
    write_series(tmp_path / "single", shape=(1, 4, 4), number=2)
    slices, single = sorted((tmp_path / "volume").iterdir()), sorted((tmp_path / "single").iterdir())
    others = [save_nifti(tmp_path / "a.nii.gz"), tmp_path / "volume"]
    assert find_loose_slices([*others, *single, *reversed(slices)]) == slices
    assert find_loose_slices([*others, *single, slices[0]]) == []
