"""What is told of the scans to calibrate on before any is scored: patients, and scans of two kinds."""

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monai_sar.calibration import ScoreCalibrationError, promise
from monai_sar.engines import tell_promise
from tests.conftest import save_nifti


def write_png(path: Path) -> str:
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(path)
    return str(path)


def test_the_log_says_what_inspect_says(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    image = write_png(tmp_path / "image.png")
    scans = [{"image": image, "patient": f"P{number // 2}", "abnormal": 0} for number in range(28)]
    lesions = [{"image": image, "patient": f"L{number}", "abnormal": 1} for number in range(3)]
    unknown = [{"image": image, "patient": None, "abnormal": 0}] * 3
    with caplog.at_level(logging.INFO):
        for data in (scans, scans[:4] + unknown, scans + lesions, lesions):
            tell_promise(data)
    told = [record.message.removeprefix("Calibration: ") for record in caplog.records]
    assert told == [promise(14), promise(5), promise(14), promise(0, 3)]


def test_volumes_and_slices_together_are_refused_with_counts_of_each(tmp_path: Path) -> None:
    images = [write_png(tmp_path / f"{number}.png") for number in range(3)]
    volumes = [
        str(save_nifti(tmp_path / f"{number}.nii.gz", np.zeros((4, 5, 6), np.int16), np.eye(4))) for number in range(2)
    ]
    data = [{"image": path, "patient": path, "abnormal": 0} for path in images + volumes]
    with pytest.raises(ScoreCalibrationError, match="Found 2 volumes and 3 single slices.*expected scans of one kind"):
        tell_promise(data)
    tell_promise(data[:3])
    tell_promise(data[3:])
