"""Nothing of a header reaches the terminal by way of the libraries that read it."""

import logging
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import config, dcmread, uid
from pydicom.dataset import FileDataset

from monai_sar.scans import ScanError, read_scan
from monai_sar.scans.dicom_header import read_instances
from monai_sar.scans.library_warnings import without_library_warnings

Writer = Callable[..., NDArray[np.int64]]


def spoil(path: Path) -> None:
    """Put text in place of UIDs, numbers and dates, of the same length."""
    ds = dcmread(path)
    content = path.read_bytes()
    for old in (str(ds.SeriesInstanceUID), str(ds.StudyInstanceUID)):
        content = content.replace(old.encode(), ("1.02.SECRET" + old)[: len(old)].encode())
    path.write_bytes(content.replace(b"DA\x08\x0019441231", b"DA\x08\x00SECRET.."))


def test_reading_a_series_of_invalid_values_says_nothing_of_them(
    tmp_path: Path, write_series: Writer, capfd: pytest.CaptureFixture[str]
) -> None:
    write_series(tmp_path / "series")
    for path in (tmp_path / "series").iterdir():
        spoil(path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dcmread(path).SeriesInstanceUID  # noqa: B018 - pydicom itself warns when it looks
        assert [warning for warning in caught if "SECRET" in str(warning.message)]
        caught.clear()
        read_instances(read_scan(tmp_path / "series").instances)
    assert not [str(warning.message) for warning in caught]
    assert "SECRET" not in "".join(capfd.readouterr())


def test_invalid_uids_are_not_quoted_where_a_message_leaves_them_out(tmp_path: Path, write_series: Writer) -> None:
    """Of a series that is left out, and of a transfer syntax that nobody knows."""
    write_series(tmp_path / "series", edit=_other_series_at_the_end)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "UID (invalid)" in read_scan(tmp_path / "series").notes[0]
        for path in (tmp_path / "series").iterdir():
            content = path.read_bytes()
            path.write_bytes(content.replace(b"1.2.840.10008.1.2.1\0", b"1.2.SECRET.8.1.2.1\0\0"))
        with pytest.raises(ScanError, match="unknown transfer syntax"):
            read_scan(tmp_path / "series")


def _other_series_at_the_end(ds: FileDataset, index: int) -> None:
    if index == 4:
        ds.SeriesInstanceUID = uid.UID("1.02.SECRET", validation_mode=config.IGNORE)


@pytest.mark.parametrize("name", ["pydicom", "nibabel.global", "highdicom.seg.sop"])
def test_loggers_are_quiet_inside_and_as_before_outside(name: str, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger(name)
    logger.addHandler(caplog.handler)
    try:
        with without_library_warnings():
            logger.error("SECRET")
        logger.error("told")
    finally:
        logger.removeHandler(caplog.handler)
    assert "SECRET" not in caplog.text
    assert "told" in caplog.text
