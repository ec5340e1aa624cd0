"""The overlay as a person sees it: colours, contours, scale; and what is refused."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib import pyplot
from PIL import Image

from monai_sar.results.overlay import write_overlay
from monai_sar.results.palette import FLAGGED, LESION
from monai_sar.results.panel_grid import PanelGrid

SHAPE = (40, 32, 8)
Array = npt.NDArray[Any]


@pytest.fixture
def scan() -> Array:
    rows, columns, slices = np.mgrid[-1:1:40j, -1:1:32j, -1:1:8j]
    return np.where(rows**2 + columns**2 + slices**2 / 2 < 0.8, 100.0, 0.0)


@pytest.fixture
def scores() -> Array:
    values = np.random.default_rng(0).random(SHAPE) * 0.2
    values[10:20, 8:16, 4] = 1
    return values


def pixels(path: Path) -> Array:
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def count(path: Path, colour: str, *, tolerance: int = 12) -> int:
    rgb = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    return int((np.abs(pixels(path) - rgb).max(axis=-1) <= tolerance).sum())


def coloured(path: Path) -> int:
    """Pixels of the map's warm colours: red well above blue."""
    rgb = pixels(path)
    return int((rgb[..., 0] - rgb[..., 2] > 90).sum())


def test_contours_appear_only_where_they_are_given(tmp_path: Path, scan: Array, scores: Array) -> None:
    plain, both = tmp_path / "plain.png", tmp_path / "both.png"
    region = scores > 0.5
    write_overlay(plain, scan, scores, spacing=None)
    write_overlay(both, scan, scores, spacing=None, mask=region, lesion=np.roll(region, 8, axis=0))
    assert count(plain, FLAGGED) == count(plain, LESION) == 0
    assert count(both, FLAGGED) > 300
    assert count(both, LESION) > 300


def test_a_region_that_fills_the_picture_has_a_closed_contour(tmp_path: Path, scan: Array, scores: Array) -> None:
    legend_only, filled = tmp_path / "legend.png", tmp_path / "filled.png"
    write_overlay(legend_only, scan, scores, spacing=None, mask=np.zeros(SHAPE, bool))
    write_overlay(filled, scan, scores, spacing=None, mask=np.ones(SHAPE, bool))
    assert count(filled, FLAGGED) > count(legend_only, FLAGGED) + 1000


def test_a_normal_scan_stays_dim_under_a_threshold(tmp_path: Path, scan: Array) -> None:
    noise = np.random.default_rng(0).random(SHAPE) * 0.2
    stretched, anchored = tmp_path / "stretched.png", tmp_path / "anchored.png"
    write_overlay(stretched, scan, noise, spacing=None)
    write_overlay(anchored, scan, noise, spacing=None, threshold=1.0)
    # what is left is the colour bar
    assert coloured(anchored) < 0.2 * coloured(stretched)


def test_scale_bar_only_with_a_known_spacing(tmp_path: Path, scan: Array, scores: Array) -> None:
    known, unknown = tmp_path / "known.png", tmp_path / "unknown.png"
    write_overlay(known, scan, scores, spacing=(1.0, 1.0, 5.0))
    write_overlay(unknown, scan, scores, spacing=None)
    rows, columns = np.nonzero((pixels(known) != pixels(unknown)).any(axis=-1))
    height, width = pixels(known).shape[:2]
    # lower left corner of the first picture, nowhere else
    assert columns.max() < width / 5
    assert rows.min() > height / 4
    assert rows.max() < height / 2


@pytest.mark.parametrize(("row_mm", "column_mm"), [(1.0, 1.0), (2.0, 1.0), (0.0039, 0.0117), (0.5, 0.25)])
def test_a_millimetre_is_equally_long_both_ways(row_mm: float, column_mm: float) -> None:
    grid = PanelGrid.fit(200, 160, spacing=(row_mm, column_mm, 3.0), slices=5)
    assert grid.panel_height / (200 * row_mm) == pytest.approx(grid.panel_width / (160 * column_mm))


@pytest.mark.parametrize("kind", [np.float32, np.float16, np.int16, np.uint8])
def test_every_pixel_type_and_a_single_slice(tmp_path: Path, scan: Array, scores: Array, kind: type) -> None:
    path = tmp_path / "new folder" / "one.png"
    one: Array = scan[:, :, 4:5].astype(kind)
    write_overlay(path, one, scores[:, :, 4:5].astype(np.float32), spacing=None, title="$100 a_b " * 9)
    assert coloured(path) > 1000


def test_constant_scan_and_constant_scores(tmp_path: Path) -> None:
    path = tmp_path / "flat.png"
    write_overlay(path, np.zeros(SHAPE), np.zeros(SHAPE), spacing=(1, 1, 1), threshold=0.0, mask=np.zeros(SHAPE, bool))
    assert pixels(path).shape[0] > 300


def test_background_of_nan_is_black(tmp_path: Path, scan: Array, scores: Array) -> None:
    filled, empty = tmp_path / "zero.png", tmp_path / "nan.png"
    scan = scan + np.random.default_rng(0).random(SHAPE)
    write_overlay(filled, np.where(scan < 50, 0, scan), scores, spacing=None)
    write_overlay(empty, np.where(scan < 50, np.nan, scan), scores, spacing=None)
    assert pixels(filled).shape == pixels(empty).shape
    assert (pixels(empty)[..., 0] < 10).mean() > 0.2


def test_threads_write_the_same_pictures(tmp_path: Path, scan: Array, scores: Array) -> None:
    paths = [tmp_path / f"{index}.png" for index in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda path: write_overlay(path, scan, scores, spacing=(1, 1, 1), slices=2), paths))
    assert len({path.read_bytes() for path in paths}) == 1


def test_pyplot_keeps_no_figure(tmp_path: Path, scan: Array, scores: Array) -> None:
    before = pyplot.get_fignums()
    write_overlay(tmp_path / "overlay.png", scan, scores, spacing=None)
    assert pyplot.get_fignums() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": np.zeros((4, 4))}, r"shape \(4, 4\).*\[H, W, 1\]"),
        ({"image": np.full(SHAPE, np.nan)}, "nothing but NaN"),
        ({"anomaly_map": np.zeros((2, 2, 2))}, r"anomaly map has shape \(2, 2, 2\)"),
        ({"anomaly_map": np.full(SHAPE, np.nan)}, "anomaly map holds NaN"),
        ({"mask": np.zeros((2, 2, 2), bool)}, "mask has shape"),
        ({"lesion": np.zeros((2, 2, 2), bool)}, "lesion has shape"),
        ({"spacing": (1.0, 0.0, 1.0)}, "three positive numbers"),
        ({"slices": 0}, "at least 1"),
    ],
)
def test_wrong_input_is_told_and_nothing_is_written(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    arguments = {"image": np.ones(SHAPE), "anomaly_map": np.ones(SHAPE), "spacing": None} | change
    with pytest.raises(ValueError, match=message):
        write_overlay(tmp_path / "wrong.png", **arguments)
    assert not list(tmp_path.iterdir())


def test_a_caption_stands_whole_above_the_pictures(tmp_path: Path, scan: Array, scores: Array) -> None:
    plain, short, long = (tmp_path / f"{name}.png" for name in ("plain", "short", "long"))
    write_overlay(plain, scan, scores, spacing=None)
    write_overlay(short, scan, scores, spacing=None, caption="Score 1.2, p-value 0.05")
    write_overlay(
        long, scan, scores, spacing=None, caption="no p-value: " + "the detector is not calibrated " * 9, slices=1
    )
    heights = [pixels(path).shape[0] for path in (plain, short, long)]
    assert heights[1] > heights[0]
    picture = pixels(long)
    rim = np.concatenate([picture[:3].reshape(-1, 3), picture[:, :3].reshape(-1, 3), picture[:, -3:].reshape(-1, 3)])
    assert (rim == rim[0]).all()  # no letter is cut off


def test_given_limits_replace_the_range_of_the_scan(tmp_path: Path, scan: Array, scores: Array) -> None:
    own, wide = tmp_path / "own.png", tmp_path / "wide.png"
    write_overlay(own, scan, scores, spacing=None)
    write_overlay(wide, scan, scores, spacing=None, limits=(0.0, 50.0))
    assert coloured(own) > coloured(wide)
