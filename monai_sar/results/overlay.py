"""A picture of the anomaly map over the scan, to be read at a glance."""

import os
import textwrap

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from monai_sar._atomic import atomic_path
from monai_sar.results.display_range import display_range
from monai_sar.results.palette import BACKGROUND, FAINT, FLAGGED, LESION, MARK, TEXT
from monai_sar.results.panel_grid import PanelGrid
from monai_sar.results.representative_slices import most_anomalous_slice, representative_slices, tissue

__all__ = ["map_colours", "write_overlay"]

FloatArray = npt.NDArray[np.floating]
BoolArray = npt.NDArray[np.bool_]

DISCLAIMER = "Research use only, not for diagnosis"
GREY_PERCENTILES = (0.5, 99.5)


def write_overlay(
    path: str | os.PathLike[str],
    image: FloatArray,
    anomaly_map: FloatArray,
    *,
    spacing: tuple[float, float, float] | None,
    region: BoolArray | None = None,
    mask: BoolArray | None = None,
    lesion: BoolArray | None = None,
    threshold: float | None = None,
    limits: tuple[float, float] | None = None,
    title: str | None = None,
    caption: str | None = None,
    note: str | None = None,
    slices: int = 5,
) -> None:
    """Write a PNG: one column per slice; above the scan, below the scan under its anomaly map.

    The slice with the highest scores in the region is marked; one shows most of the known lesion; the others are
    spread evenly over the slices that hold the region.
    One colour scale serves all slices shown: that of the scores in the region (see `display_range`), or `limits`. It
    is transparent at its lower end.

    Args:
        path: the PNG file; replaced if it exists.
        image: the scan `[H, W, D]`: rows from top to bottom, columns from left to right, slices; any unit.
            Grey levels run from its 0.5 % to its 99.5 % percentile, so clip CT to its HU window first. NaN is drawn
            black. D may be 1.
        anomaly_map: scores `[H, W, D]`, finite, higher is less normal.
        spacing: mm between rows, columns and slices; `None` if not known (then square pixels, no scale bar).
        region: where scores count, `[H, W, D]`; by default what is not air.
        mask: what is flagged, `[H, W, D]`, drawn as a solid contour.
        lesion: what is known to be abnormal, `[H, W, D]`, drawn as a dashed contour.
        threshold: the score above which `mask` flags; marked on the colour bar.
        limits: the scores of the lowest and the highest colour, the same for pictures that are to be compared.
        title: a line above the pictures. Name no patient.
        caption: a sentence below the title, in small letters.
        note: what nobody who looks at the picture should miss, in a few words: a line below it.
        slices: the number of columns at most.

    Raises:
        ValueError: shapes differ, values are not finite, spacing is not positive or `slices` is below 1.
    """
    _check(image, anomaly_map, spacing=spacing, region=region, mask=mask, lesion=lesion, slices=slices)
    foreground = tissue(image) if region is None else region
    # scores elsewhere, of ghosts in air say, do not choose the slice, as they do not count in the score of the scan
    worst = most_anomalous_slice(anomaly_map, foreground, elsewhere=float(anomaly_map.min()))
    shown = representative_slices(foreground, worst, lesion=lesion, slices=slices)
    grey = _grey_window(image)
    colours = Normalize(*limits or display_range(anomaly_map[foreground], threshold=threshold), clip=True)
    grid = PanelGrid.fit(*image.shape[:2], spacing=spacing, slices=len(shown))

    figure = grid.figure()
    for column, index in enumerate(shown):
        scan_axes = grid.panel(figure, row=0, column=column)
        map_axes = grid.panel(figure, row=1, column=column)
        for axes in (scan_axes, map_axes):
            _draw(axes, image[:, :, index], "gray", grey, grid)
        drawn = _draw(map_axes, anomaly_map[:, :, index], map_colours(), colours, grid)
        if mask is not None:
            _draw_contour(map_axes, mask[:, :, index], FLAGGED, style="solid")
        if lesion is not None:
            _draw_contour(map_axes, lesion[:, :, index], LESION, style="dashed")
        if image.shape[2] > 1:
            _label_slice(scan_axes, map_axes, f"Slice {index + 1} of {image.shape[2]}", is_worst=index == worst)
        if spacing is not None and column == 0:
            _draw_scale_bar(scan_axes, width=image.shape[1] * spacing[1])
    _draw_colour_bar(figure, grid, drawn, threshold)
    _draw_legend(figure, grid, mask=mask is not None, lesion=lesion is not None, threshold=threshold)
    _draw_text(figure, grid, title, caption, note, labelled=image.shape[2] > 1)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", facecolor=BACKGROUND, bbox_inches="tight", pad_inches=0.2)


def _check(
    image: FloatArray,
    anomaly_map: FloatArray,
    *,
    spacing: tuple[float, float, float] | None,
    region: BoolArray | None,
    mask: BoolArray | None,
    lesion: BoolArray | None,
    slices: int,
) -> None:
    if image.ndim != 3 or image.size == 0:
        raise ValueError(f"The image has shape {image.shape}. Expected [H, W, D]; one slice is [H, W, 1].")
    for name, array in (("anomaly map", anomaly_map), ("region", region), ("mask", mask), ("lesion", lesion)):
        if array is not None and array.shape != image.shape:
            raise ValueError(f"The {name} has shape {array.shape}, but the image has {image.shape}.")
    if np.isinf(image).any() or np.isnan(image).all():
        raise ValueError("The image holds infinite values, or nothing but NaN. Check the scan.")
    if not np.isfinite(anomaly_map).all():
        raise ValueError("The anomaly map holds NaN or infinite scores. Check the scan and the model.")
    if spacing is not None and not all(np.isfinite(mm) and mm > 0 for mm in spacing):
        raise ValueError(f"The spacing is {spacing} mm. Expected three positive numbers, or None.")
    if slices < 1:
        raise ValueError(f"slices={slices}. Expected at least 1.")


def _grey_window(image: FloatArray) -> Normalize:
    low, high = np.nanpercentile(image, GREY_PERCENTILES)
    return Normalize(low, high if high > low else low + 1)


def map_colours() -> ListedColormap:
    """`inferno` without its darkest fifth, which would read as dark tissue; opacity grows with the score."""
    score = np.linspace(0, 1, 256)
    colours = colormaps["inferno"](0.2 + 0.8 * score)
    rise = np.clip(2 * score, 0, 1)
    # smooth step: no edge where the map begins
    colours[:, 3] = 0.8 * rise**2 * (3 - 2 * rise)
    return ListedColormap(colours)


def _draw(
    axes: Axes, values: FloatArray, colours: str | ListedColormap, scale: Normalize, grid: PanelGrid
) -> AxesImage:
    return axes.imshow(values, cmap=colours, norm=scale, aspect=grid.pixel_aspect, interpolation="bilinear")


def _draw_contour(axes: Axes, region: BoolArray, colour: str, *, style: str) -> None:
    if not region.any():
        return
    # a rim of zeros closes the contour of a region that touches the border
    padded = np.pad(region.astype(float), 1)
    rows, columns = (np.arange(-1, size + 1) for size in region.shape)
    axes.contour(columns, rows, padded, levels=[0.5], colors=colour, linewidths=1.2, linestyles=style)
    axes.set(xlim=(-0.5, region.shape[1] - 0.5), ylim=(region.shape[0] - 0.5, -0.5))


def _label_slice(scan_axes: Axes, map_axes: Axes, text: str, *, is_worst: bool) -> None:
    if not is_worst:
        scan_axes.set_title(text, fontsize=9, color=TEXT, pad=5)
        return
    scan_axes.set_title(f"highest score\n{text}", fontsize=9, color=MARK, pad=5, weight="bold")
    for axes in (scan_axes, map_axes):
        axes.spines[:].set(visible=True, color=MARK, linewidth=1.4)


def _draw_scale_bar(axes: Axes, *, width: float) -> None:
    """A bar of 1, 2 or 5 times a power of ten mm, at most a quarter of the picture's `width` in mm."""
    power = 10.0 ** np.floor(np.log10(width / 4))
    length = max(step * power for step in (1, 2, 5) if step * power <= width / 4)
    left, right = 0.05, 0.05 + length / width
    axes.plot(
        [left, right], [0.06, 0.06], transform=axes.transAxes, color=TEXT, linewidth=2, solid_capstyle="butt",
        path_effects=[withStroke(linewidth=4, foreground="black")],
    )  # fmt: skip
    axes.annotate(
        f"{length:g} mm", (left, 0.06), (0, 4), xycoords="axes fraction", textcoords="offset points",
        color=TEXT, fontsize=8, path_effects=[withStroke(linewidth=2.5, foreground="black")],
    )  # fmt: skip


def _draw_colour_bar(figure: Figure, grid: PanelGrid, drawn: AxesImage, threshold: float | None) -> None:
    axes = grid.colour_bar(figure)
    # mid-grey, so that the transparent end looks as it does over tissue
    axes.set_facecolor("0.45")
    bar = figure.colorbar(drawn, cax=axes)
    bar.outline.set_edgecolor(FAINT)
    axes.tick_params(colors=TEXT, labelsize=8, length=2.5)
    axes.set_title("score", color=FAINT, fontsize=8, pad=4)
    if threshold is not None:
        axes.axhline(threshold, color=FLAGGED, linewidth=2)


def _draw_legend(figure: Figure, grid: PanelGrid, *, mask: bool, lesion: bool, threshold: float | None) -> None:
    lines = []
    if mask:
        label = "flagged" if threshold is None else f"flagged: score above {threshold:.3g}"
        lines.append(Line2D([], [], color=FLAGGED, linewidth=1.6, label=label))
    if lesion:
        lines.append(Line2D([], [], color=LESION, linewidth=1.6, linestyle="dashed", label="known lesion"))
    if lines:
        corner = grid.point(grid.left, grid.bottom(1) - 0.08)
        figure.legend(
            handles=lines, loc="upper left", bbox_to_anchor=corner, ncols=2, frameon=False,
            labelcolor=TEXT, fontsize=9, borderaxespad=0, borderpad=0, handlelength=1.8,
        )  # fmt: skip


def _draw_text(
    figure: Figure, grid: PanelGrid, title: str | None, caption: str | None, note: str | None, *, labelled: bool
) -> None:
    for row, name in enumerate(("Scan", "Anomaly map")):
        middle = grid.bottom(row) + grid.panel_height / 2
        grid.text(
            figure,
            grid.left - 0.1,
            middle,
            name,
            color=FAINT,
            fontsize=9,
            rotation=90,
            ha="right",
            va="center",
        )
    width, height = grid.right - grid.left, grid.top + (0.5 if labelled else 0.15)
    if caption:
        # 10 pt: about thirteen characters to the inch
        small = textwrap.wrap(caption, width=max(30, int(13 * width)), break_on_hyphens=False)
        grid.text(figure, grid.left, height, "\n".join(small), color=TEXT, fontsize=10, va="bottom")
        height += 0.1 + 0.17 * len(small)
    if title:
        # bold 13 pt: about nine characters to the inch
        lines = textwrap.fill(title, width=max(20, int(9 * width)))
        grid.text(figure, grid.left, height, lines, color=TEXT, fontsize=13, weight="bold", va="bottom")
    grid.text(figure, grid.right, 0.16, DISCLAIMER, color=FAINT, fontsize=8, ha="right")
    if note:
        # 9 pt: about 14 characters to the inch; the picture is cut where something is drawn, so it grows downwards
        lines = textwrap.fill(note, width=max(30, int(14 * width)))
        grid.text(figure, grid.left, 0.08, lines, color=MARK, fontsize=9, va="top")
