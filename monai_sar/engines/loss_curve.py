"""A picture of how training went."""

import os
from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from monai_sar._atomic import atomic_path
from monai_sar.results.palette import BACKGROUND, FAINT, FLAGGED, LESION, MARK, TEXT

__all__ = ["write_loss_curve"]

LINE_COLOURS = (FLAGGED, LESION, "#c792ea", TEXT)
MARKERS_UP_TO = 30
# less than a tenfold fall is easier to read on a linear axis
LOG_FROM_RATIO = 10.0


def write_loss_curve(
    path: str | os.PathLike[str],
    curves: Mapping[str, Sequence[tuple[float, float]]],
    *,
    best_epoch: float | None = None,
) -> None:
    """Write a PNG of the loss over the epochs, one line per curve.

    The loss axis is logarithmic where all values are positive and span a factor of ten or more.

    Args:
        path: the PNG file; replaced if it exists.
        curves: name, such as "training" or "validation", to points (epoch, loss), in ascending epochs. Losses
            that are not finite leave a gap. A curve may be empty, not all of them.
        best_epoch: the epoch whose weights are kept; marked by a line.

    Raises:
        ValueError: there is nothing finite to draw.
    """
    values = np.array([loss for points in curves.values() for _, loss in points], dtype=float)
    values = values[np.isfinite(values)]
    if values.size == 0:
        raise ValueError("There is no finite loss to draw. Was the run stopped before its first epoch ended?")

    figure = Figure(figsize=(8, 4.5), dpi=150, facecolor=BACKGROUND, layout="constrained")
    axes = figure.add_subplot(facecolor=BACKGROUND)
    if best_epoch is not None:
        axes.axvline(best_epoch, color=MARK, linewidth=1.2, linestyle="dashed", label=f"best epoch {best_epoch:g}")
    drawn = {name: points for name, points in curves.items() if len(points) > 0}
    marker = "o" if max(map(len, drawn.values())) <= MARKERS_UP_TO else None
    for (name, points), colour in zip(drawn.items(), cycle(LINE_COLOURS), strict=False):
        epochs, losses = zip(*points, strict=True)
        axes.plot(epochs, losses, color=colour, linewidth=1.8, marker=marker, markersize=3.5, label=name)
    if values.min() > 0 and values.max() / values.min() >= LOG_FROM_RATIO:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=10))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch", color=TEXT)
    axes.set_ylabel("loss", color=TEXT)
    axes.tick_params(which="both", colors=FAINT)
    axes.grid(color=FAINT, alpha=0.2, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.legend(frameon=False, labelcolor=TEXT)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", facecolor=BACKGROUND)
