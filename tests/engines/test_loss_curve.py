"""The loss curve as a person sees it: what is drawn, where, and on which axis."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from monai_sar.engines.loss_curve import write_loss_curve
from monai_sar.results.palette import FLAGGED, LESION, MARK


def rows_of(path: Path, colour: str) -> npt.NDArray[Any]:
    """Rows of the picture that hold a colour, right of the axis and left of the legend."""
    rgb = np.asarray(Image.open(path).convert("RGB")).astype(int)
    wanted = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    found = (np.abs(rgb - wanted).max(axis=-1) <= 12)[:, : 2 * rgb.shape[1] // 3]
    return np.nonzero(found.any(axis=1))[0]


def test_every_curve_and_the_best_epoch_are_drawn(tmp_path: Path) -> None:
    path = tmp_path / "loss.png"
    training = [(float(epoch), 1 / epoch + 0.3) for epoch in range(1, 9)]
    validation = [(float(epoch), 1 / epoch + 0.5) for epoch in range(1, 9)]
    write_loss_curve(path, {"training": training, "validation": validation}, best_epoch=3)
    assert rows_of(path, FLAGGED).size
    assert rows_of(path, LESION).size
    # the mark runs from top to bottom
    assert np.ptp(rows_of(path, MARK)) > 500
    # the lower loss is lower in the picture
    assert rows_of(path, FLAGGED).max() > rows_of(path, LESION).max()


def test_no_mark_without_a_best_epoch(tmp_path: Path) -> None:
    write_loss_curve(tmp_path / "loss.png", {"training": [(1, 0.5), (2, 0.4)]})
    assert rows_of(tmp_path / "loss.png", MARK).size == 0


def kink(path: Path) -> float:
    """Height of the middle of three points, as a fraction of the height of the first above the last."""
    rgb = np.asarray(Image.open(path).convert("RGB")).astype(int)
    wanted = [int(FLAGGED[start : start + 2], 16) for start in (1, 3, 5)]
    found = np.abs(rgb - wanted).max(axis=-1) <= 12
    found[:, 1000:] &= np.arange(rgb.shape[0])[:, None] > 100  # without the legend
    columns = np.nonzero(found.any(axis=0))[0]
    first, middle, last = (
        np.nonzero(found[:, column])[0].mean()
        for column in (columns[3], (columns[0] + columns[-1]) // 2, columns[-1] - 3)
    )
    return float((last - middle) / (last - first))


def test_the_axis_is_logarithmic_only_where_the_range_asks_for_it(tmp_path: Path) -> None:
    write_loss_curve(tmp_path / "log.png", {"training": [(1, 10.0), (2, 1.0), (3, 0.1)]})
    write_loss_curve(tmp_path / "linear.png", {"training": [(1, 1.0), (2, 0.6), (3, 0.2)]})
    write_loss_curve(tmp_path / "negative.png", {"training": [(1, 1.0), (2, 0.0), (3, -1.0)]})
    for name in ("log", "linear", "negative"):
        assert kink(tmp_path / f"{name}.png") == pytest.approx(0.5, abs=0.03)
    write_loss_curve(tmp_path / "bent.png", {"training": [(1, 1.0), (2, 0.45), (3, 0.2)]})
    assert kink(tmp_path / "bent.png") == pytest.approx(0.31, abs=0.03)


def test_one_epoch_gaps_and_empty_curves_are_drawn(tmp_path: Path) -> None:
    path = tmp_path / "loss.png"
    write_loss_curve(path, {"training": [(1, 0.5)], "validation": []})
    assert rows_of(path, FLAGGED).size
    write_loss_curve(path, {"training": [(1, 0.5), (2, float("nan")), (3, 0.4)]})
    assert rows_of(path, FLAGGED).size


@pytest.mark.parametrize("points", [[], [(1.0, float("nan"))], [(1.0, float("inf"))]])
def test_nothing_to_draw_is_told(tmp_path: Path, points: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="no finite loss"):
        write_loss_curve(tmp_path / "loss.png", {"training": points})
    assert not list(tmp_path.iterdir())
