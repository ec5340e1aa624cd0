"""An Enhanced image that was divided into several instances is one scan, or none."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread, uid
from pydicom.dataset import FileDataset

from monai_sar.scans import ScanError, read_scan

Writer = Callable[..., NDArray[np.int64]]
Change = Callable[[FileDataset], None]
FRAMES = (3, 1, 4)


def interleaved(ds: FileDataset, index: int) -> None:
    groups = ds.PerFrameFunctionalGroupsSequence
    ds.PerFrameFunctionalGroupsSequence = [*groups[::2], *groups[1::2]]


@pytest.fixture
def whole(tmp_path: Path, write_multi_frame: Writer) -> Path:
    """One file of eight frames, of which those of neighbouring slices are far apart."""
    write_multi_frame(tmp_path / "whole.dcm", shape=(8, 6, 10), edit=interleaved)
    return tmp_path / "whole.dcm"


def divide(whole: Path, folder: Path, *, total: int | None = 3, change: Change = lambda part: None) -> list[Path]:
    """Write the frames of a file as three instances of one concatenation; their names run against their order."""
    folder.mkdir()
    source, start, paths = dcmread(whole), 0, []
    frame_bytes = len(source.PixelData) // source.NumberOfFrames
    for number, frames in enumerate(FRAMES, 1):
        part, end = deepcopy(source), start + frames
        part.SOPInstanceUID = part.file_meta.MediaStorageSOPInstanceUID = uid.generate_uid()
        part.PerFrameFunctionalGroupsSequence = source.PerFrameFunctionalGroupsSequence[start:end]
        part.PixelData = source.PixelData[start * frame_bytes : end * frame_bytes]
        part.NumberOfFrames, part.ConcatenationUID, part.InConcatenationNumber = frames, "1.2.3.4", number
        part.ConcatenationFrameOffsetNumber = start
        if total is not None:
            part.InConcatenationTotalNumber = total
        change(part)
        paths.append(folder / f"{9 - number}.dcm")
        part.save_as(paths[-1])
        start = end
    return paths


@pytest.mark.parametrize("total", [3, None])
def test_all_parts_are_the_scan_that_was_divided(whole: Path, tmp_path: Path, total: int | None) -> None:
    paths = divide(whole, tmp_path / "parts", total=total)
    scan, expected = read_scan(tmp_path / "parts"), read_scan(whole)
    np.testing.assert_array_equal(scan.image.numpy(), expected.image.numpy())
    np.testing.assert_array_equal(scan.image.affine.numpy(), expected.image.affine.numpy())
    starts = dict(zip(paths, (0, 3, 4), strict=True))
    found = [starts[path] + number for path, number in zip(scan.instances, scan.frame_numbers, strict=True)]
    assert found == list(expected.frame_numbers)
    unsure = "; they do not say how many there are" if total is None else ""
    assert scan.notes[0].startswith(f"joined from 3 parts of a concatenation{unsure}")


@pytest.mark.parametrize(
    ("kept", "total", "told"),
    [
        ([0], 3, "holds part 1 .3 frames. of 3 .*missing: 2, 3"),
        ([0], None, "holds part 1 .3 frames. of several .*missing: 2"),
        ([2], None, "holds part 3 .4 frames. of several .*missing: 1, 2"),
        ([0, 2], 3, "holds parts 1, 3 .7 frames. of 3 .*missing: 2"),
        ([0, 1], 3, "holds parts 1, 2 .4 frames. of 3 .*missing: 3"),
        ([1, 2], None, "holds parts 2, 3 .5 frames. of several .*missing: 1"),
    ],
)
def test_parts_that_are_missing_are_named(
    whole: Path, tmp_path: Path, kept: list[int], total: int | None, told: str
) -> None:
    paths = divide(whole, tmp_path / "parts", total=total)
    for number, path in enumerate(paths):
        if number not in kept:
            path.unlink()
    with pytest.raises(ScanError, match=told):
        read_scan(tmp_path / "parts")
    with pytest.raises(ScanError, match=r"missing: .*Give a folder with all parts\."):
        read_scan(paths[kept[0]])


def no_number(part: FileDataset) -> None:
    del part.InConcatenationNumber


def one_number(part: FileDataset) -> None:
    part.InConcatenationNumber = 1


def other_image(part: FileDataset) -> None:
    part.ConcatenationUID = f"1.2.3.{part.InConcatenationNumber}"


def other_total(part: FileDataset) -> None:
    part.InConcatenationTotalNumber = 2 + part.InConcatenationNumber


def a_gap(part: FileDataset) -> None:
    part.ConcatenationFrameOffsetNumber += part.InConcatenationNumber


def fewer(part: FileDataset) -> None:
    part.InConcatenationTotalNumber = 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (no_number, "do not say which parts they are .InConcatenationNumber: none"),
        (one_number, "do not say which parts they are .InConcatenationNumber: 1, 1, 1"),
        (other_total, "do not say which parts they are"),
        (other_image, "others not or of another one .3 images."),
        (a_gap, "do not fit together"),
        (fewer, "do not fit together"),
    ],
)
def test_parts_that_do_not_fit_together_are_told(whole: Path, tmp_path: Path, change: Change, told: str) -> None:
    divide(whole, tmp_path / "parts", change=change)
    with pytest.raises(ScanError, match=told):
        read_scan(tmp_path / "parts")
