"""The small picture of a scan shows its highest-scoring slice, in true proportions and given colours."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from monai_sar.evaluation.glimpse import GAP, SIZE, Glimpse, glimpse
from monai_sar.results.palette import FLAGGED, LESION

Array = npt.NDArray[Any]


def take(rows: int = 60, columns: int = 40, *, spacing: tuple[float, float] = (1.0, 1.0)) -> Glimpse:
    """Three slices; the middle one scores highest in its upper half, outside the region all score more."""
    image = np.full((rows, columns, 3), 0.5, np.float32)
    score, lesion = np.zeros_like(image), np.zeros(image.shape, bool)
    score[: rows // 2, :, 1] = 1
    lesion[: rows // 4, :, 1] = True
    region = np.ones(image.shape, bool)
    region[:, -4:] = False
    score[:, -4:] = 9
    return glimpse(image, score, region, lesion, spacing=spacing)


def drawn(taken: Glimpse, limits: tuple[float, float] = (0.0, 1.0), threshold: float | None = 0.5) -> Array:
    with Image.open(io.BytesIO(taken.jpeg(limits, threshold))) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def near(pixels: Array, colour: str) -> int:
    rgb = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return int((np.abs(pixels - rgb).max(axis=-1) < 80).sum())


def test_the_slice_with_the_highest_scores_in_the_region_is_taken() -> None:
    taken = take()
    assert taken.index == 1
    assert taken.score.max() == 1


@pytest.mark.parametrize(
    ("rows", "columns", "spacing", "ratio"),
    [(60, 40, (1.0, 1.0), 1.5), (60, 40, (2.0, 1.0), 3.0), (300, 500, (1.0, 1.0), 0.6), (20, 200, (4.0, 1.0), 0.4)],
)
def test_it_is_small_and_as_wide_as_the_scan_is(
    rows: int, columns: int, spacing: tuple[float, float], ratio: float
) -> None:
    pixels = drawn(take(rows, columns, spacing=spacing))
    height, width = pixels.shape[0], (pixels.shape[1] - GAP) / 2
    assert max(height, width) == SIZE
    assert height / width == pytest.approx(ratio, rel=0.02)


def test_flagged_and_lesion_are_outlined_and_colours_follow_the_limits() -> None:
    taken = take()
    pixels = drawn(taken)
    half = (pixels.shape[1] - GAP) // 2
    scan, overlay = pixels[:, :half], pixels[:, half + GAP :]
    assert near(scan, LESION) > 50
    assert near(scan, FLAGGED) == 0
    assert near(overlay, FLAGGED) > 50
    assert near(drawn(taken, threshold=None)[:, half + GAP :], FLAGGED) == 0
    upper, lower = overlay[60:80, 20:60], overlay[-60:-20, 20:60]
    assert np.ptp(lower.reshape(-1, 3).mean(axis=0)) < 5  # grey: the map is transparent at its lower end
    assert upper[..., 0].mean() > upper[..., 2].mean() + 50
    dim = drawn(taken, (0.0, 50.0))[:, half + GAP :][60:80, 20:60]
    assert np.ptp(dim.reshape(-1, 3).mean(axis=0)) < 5
