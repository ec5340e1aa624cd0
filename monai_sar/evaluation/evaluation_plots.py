"""The diagrams of an evaluation report, as SVG on white."""

import io
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from monai_sar.evaluation.curves import Curve
from monai_sar.evaluation.operating_points import OperatingPoint, size_text
from monai_sar.metrics.patient_bootstrap import Estimate

__all__ = ["Marks", "plot_lesion_sizes", "plot_precision_recall", "plot_promises", "plot_roc", "plot_scores"]

FloatArray = npt.NDArray[np.float64]

# Okabe and Ito's colours, which stay apart in every common colour blindness; line styles differ too
NORMAL, ABNORMAL, THIRD, CHANCE = "#0072b2", "#d55e00", "#009e73", "#767676"
STYLES = ((ABNORMAL, "solid"), (NORMAL, "dashed"), (THIRD, "dashdot"))
SIZE = (4.6, 3.5)
_POINTS = 500


class Marks(NamedTuple):
    """Thresholds to mark among scores: their names and where they lie."""

    names: Sequence[str]
    scores: Sequence[float]


def plot_roc(curves: Mapping[str, Curve]) -> str:
    """ROC curves by name, with the line of chance."""
    figure, axes = _diagram("false-positive rate", "true-positive rate")
    axes.plot([0, 1], [0, 1], color=CHANCE, linewidth=1, linestyle="dotted", label="chance")
    for (name, curve), (colour, style) in zip(curves.items(), STYLES, strict=False):
        axes.plot(*_thinned(curve.fpr, curve.recall), color=colour, linestyle=style, label=name)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    return _svg(figure, axes, place="lower right")


def plot_precision_recall(curves: Mapping[str, Curve]) -> str:
    """Precision-recall curves by name; the precision of chance is the share of what is anomalous."""
    figure, axes = _diagram("recall (sensitivity)", "precision")
    for (name, curve), (colour, style) in zip(curves.items(), STYLES, strict=False):
        label = f"chance: {curve.prevalence:.3g}" if len(curves) == 1 else f"chance, {name}: {curve.prevalence:.3g}"
        points = _thinned(curve.recall[1:], curve.precision)
        axes.plot(*points, color=colour, linestyle=style, drawstyle="steps-pre", label=name)
        axes.axhline(curve.prevalence, color=colour, linewidth=1, linestyle="dotted", label=label)
    # rare lesions have a low precision; the first few that are flagged say little of it
    highest = max(float(curve.precision[curve.recall[1:] > 0.02].max()) for curve in curves.values())
    top = 1.0 if highest > 0.5 else 1.3 * highest
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01 * top, 1.01 * top))
    return _svg(figure, axes, place="best")


def plot_scores(normal: FloatArray, abnormal: FloatArray, marks: Marks) -> str:
    """Histograms of the scores of scans, each class as shares of its own, with thresholds.

    Args:
        normal: scores of normal scans, any number.
        abnormal: scores of abnormal scans.
        marks: calibrated thresholds of scans.
    """
    figure, axes = _diagram("score of the scan", "share of the class")
    both = np.concatenate([normal, abnormal])
    # one far scan must not squeeze the others into one bin
    low, high = np.percentile(both, [0.5, 99.5])
    inside = [score for score in marks.scores if np.isfinite(score)]
    edges = np.linspace(min(low, *inside, high), max(high, *inside, low + 1e-6), 31)
    for scores, colour, name, filled in ((normal, NORMAL, "normal", True), (abnormal, ABNORMAL, "abnormal", False)):
        if scores.size:
            shares, _ = np.histogram(np.clip(scores, edges[0], edges[-1]), bins=edges)
            alpha = 0.45 if filled else 1.0
            axes.stairs(shares / scores.size, edges, color=colour, fill=filled, alpha=alpha, linewidth=1.8, label=name)
    for (name, score), style in zip(zip(*marks, strict=True), ("dashed", "dotted", "dashdot") * 9, strict=False):
        axes.axvline(score, color="black", linewidth=1.1, linestyle=style, label=f"threshold for {name}")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return _svg(figure, axes, place="best")


def plot_lesion_sizes(points: Sequence[OperatingPoint], unit: str) -> str:
    """How many lesions are found, by their size, at each threshold, with intervals."""
    figure, axes = _diagram(f"size of the lesion in {unit} (number of lesions)", "lesions found")
    sizes = list(points[0].by_size.items())
    width = 0.8 / len(points)
    for index, (point, (colour, _)) in enumerate(zip(points, STYLES, strict=False)):
        name = "oracle" if point.rate is None else f"calibrated for {100 * point.rate:.3g} %"
        found = [estimate for _, estimate in point.by_size.items()]
        places: FloatArray = np.arange(len(found), dtype=np.float64) + (index - (len(points) - 1) / 2) * width
        values = [estimate.value or 0 for estimate in found]
        axes.bar(places, values, width * 0.92, color=colour, alpha=0.75, label=name)
        _draw_intervals(axes, places, found)
    axes.set_xticks(
        range(len(sizes)), [f"{size_text(least)}-{size_text(most)}\n({found.n})" for (least, most), found in sizes]
    )
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return _svg(figure, axes, place="best")


def plot_promises(points: Sequence[OperatingPoint], p_values: FloatArray, weights: FloatArray) -> str:
    """What the calibration promised against what came true on normal scans; below the diagonal it is kept.

    Args:
        points: calibrated thresholds.
        p_values: of the normal scans that have one: the share of them at or below a rate is what is realised at that
            rate.
        weights: of these scans; they add up to 1.
    """
    figure, axes = _diagram("promised false-positive rate", "realised on normal scans")
    rates = np.array([point.rate for point in points], float)
    limit = min(1.0, max(0.1, 2.5 * float(rates.max(initial=0))))
    axes.plot([0, 1], [0, 1], color=CHANCE, linewidth=1, linestyle="dotted", label="as promised")
    axes.fill_between([0, 1], [0, 1], color=THIRD, alpha=0.08, linewidth=0)
    order = np.argsort(p_values)
    ascending, shares = p_values[order], weights[order].cumsum()
    if p_values.size:
        axes.plot(
            np.concatenate([[0], ascending, [1]]), np.concatenate([[0], shares, [1]]),
            color=NORMAL, drawstyle="steps-post", label="scans, every rate",
        )  # fmt: skip
    for kind, name, colour, marker in (("scans", "scans", NORMAL, "o"), ("pixels", "voxels", ABNORMAL, "s")):
        # a threshold may be promised for voxels alone
        promised = [point for point in points if f"normal_{kind}_flagged" in point.metrics]
        if not promised:
            continue
        found = [point.metrics[f"normal_{kind}_flagged"] for point in promised]
        places = np.array([point.rate for point in promised], float)
        values = np.array([one.value for one in found], float)
        axes.plot(places, values, marker, color=colour, markersize=6, label=f"{name}, mean of patients")
        _draw_intervals(axes, places, found, colour=colour)
        limit = max([limit, *(1.1 * (one.high or one.value or 0) for one in found)])
    axes.set(xlim=(0, min(1.0, limit)), ylim=(0, min(1.0, limit)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1))
    return _svg(figure, axes, place="best")


def _draw_intervals(axes: Axes, places: FloatArray, found: Sequence[Estimate], *, colour: str = "black") -> None:
    for place, one in zip(places, found, strict=True):
        if one.low is not None and one.high is not None:
            axes.plot([place, place], [one.low, one.high], color=colour, linewidth=1.4, marker="_", markersize=6)


def _diagram(across: str, up: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(color="0.9", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _thinned(across: FloatArray, up: FloatArray) -> tuple[FloatArray, FloatArray]:
    """As many points as can be told apart, the first and the last among them."""
    if len(across) <= _POINTS:
        return across, up
    # evenly along the curve, which rises where it does not go on
    way = np.concatenate([[0], np.cumsum(np.abs(np.diff(across)) + np.abs(np.diff(up)))])
    kept = np.unique(np.searchsorted(way, np.linspace(0, way[-1], _POINTS)))
    return across[kept], up[kept]


def _svg(figure: Figure, axes: Axes, *, place: str) -> str:
    axes.legend(framealpha=0.85, edgecolor="none", fontsize=8, loc=place)  # type: ignore[call-overload]
    buffer = io.StringIO()
    # the same bytes every time: no date, and names of parts that do not depend on chance
    with rc_context({"svg.hashsalt": "evaluation"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
