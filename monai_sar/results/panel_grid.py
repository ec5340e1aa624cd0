"""Two rows of equally large pictures on a figure, measured in inches."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from monai_sar.results.palette import BACKGROUND

__all__ = ["PanelGrid"]

PANEL_AREA = 6.8
WIDEST_PANEL = 4.2
MARGIN, GAP, HEAD, FOOT = 0.35, 0.06, 0.8, 0.6
BAR, BAR_LABELS = 0.13, 0.7


@dataclass(frozen=True)
class PanelGrid:
    """Where things lie, in inches from the lower left corner; a colour bar stands right of the lower row.

    Attributes:
        columns: number of pictures in a row.
        panel_width: of one picture.
        panel_height: of one picture.
        pixel_aspect: height of a pixel over its width.
    """

    columns: int
    panel_width: float
    panel_height: float
    pixel_aspect: float

    @classmethod
    def fit(cls, rows: int, columns: int, *, spacing: tuple[float, float, float] | None, slices: int) -> "PanelGrid":
        """Lay out `slices` pictures of `rows` x `columns` pixels so that millimetres are equal both ways."""
        pixel_aspect = spacing[0] / spacing[1] if spacing else 1.0
        ratio = float(np.clip(rows * pixel_aspect / columns, 0.15, 3.0))
        # one or two slices may take more room each
        room = 1.0 if slices > 2 else 1.5
        width = room * min((PANEL_AREA / ratio) ** 0.5, WIDEST_PANEL)
        return cls(slices, width, width * ratio, pixel_aspect)

    @property
    def left(self) -> float:
        """Left edge of the pictures."""
        return MARGIN

    @property
    def right(self) -> float:
        """Right edge of the pictures."""
        return MARGIN + self.columns * (self.panel_width + GAP) - GAP

    @property
    def top(self) -> float:
        """Upper edge of the pictures."""
        return self.bottom(0) + self.panel_height

    def bottom(self, row: int) -> float:
        """Lower edge of a row; row 0 is the upper one."""
        return FOOT + (1 - row) * (self.panel_height + GAP)

    def figure(self) -> Figure:
        """An empty figure of the right size, without pyplot and therefore without global state."""
        return Figure(figsize=self._size, dpi=180, facecolor=BACKGROUND)

    def panel(self, figure: Figure, *, row: int, column: int) -> Axes:
        """Axes of one picture."""
        left = MARGIN + column * (self.panel_width + GAP)
        axes = self._axes(figure, left, self.bottom(row), self.panel_width, self.panel_height)
        axes.set(xticks=[], yticks=[], facecolor="black")
        axes.spines[:].set_visible(False)
        return axes

    def colour_bar(self, figure: Figure) -> Axes:
        """Axes of the colour bar."""
        return self._axes(figure, self.right + 0.1, self.bottom(1), BAR, self.panel_height)

    def text(self, figure: Figure, left: float, bottom: float, text: str, **style: Any) -> None:
        """Write at a place given in inches; `$` is a dollar, not mathematics."""
        across, up = self._size
        figure.text(left / across, bottom / up, text, parse_math=False, **style)

    def point(self, left: float, bottom: float) -> tuple[float, float]:
        """A place as fractions of the figure."""
        return left / self._size[0], bottom / self._size[1]

    @property
    def _size(self) -> tuple[float, float]:
        return self.right + 0.1 + BAR + BAR_LABELS, self.top + HEAD

    def _axes(self, figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
        return figure.add_axes((*self.point(left, bottom), *self.point(width, height)))
