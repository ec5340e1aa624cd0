"""Stomach and bowel: a wall around fluid, with gas where the patient on the back has it: in front."""

import numpy as np
from numpy.typing import NDArray

from monai_sar.phantoms.liver_ct.attenuation import Attenuation
from monai_sar.phantoms.liver_ct.canvas import Canvas
from monai_sar.phantoms.liver_ct.trunk import Trunk
from monai_sar.phantoms.shapes import tube

__all__ = ["paint_gut"]

# (x, y, z, radius) in mm
STOMACH = ((45, 8, 34, 24), (64, -12, 14, 27), (58, -44, -14, 23), (22, -62, -36, 16), (-14, -48, -40, 11))
COLON = ((-92, -30, -78, 18), (-70, -62, -64, 17), (0, -82, -66, 15), (70, -70, -46, 17), (108, -22, -18, 17))
SMALL_BOWEL_LOOPS = 16
WALL_MM = 3.0
GAS_HU = -950.0


def paint_gut(canvas: Canvas, rng: np.random.Generator, attenuation: Attenuation, *, trunk: Trunk) -> None:
    """Paint loops of the small bowel, the colon and the stomach of one subject."""
    for _ in range(SMALL_BOWEL_LOOPS):
        start = rng.uniform((-40, -70, -95), (100, 10, -30))
        end = start + rng.normal(0, (28, 16, 8))
        radius = rng.uniform(9, 13)
        _paint_hollow(canvas, np.array([[*start, radius], [*end, radius]]), rng, attenuation, trunk=trunk, gas=0.15)
    for path in (COLON, STOMACH):
        _paint_hollow(canvas, path + rng.normal(0, (5, 5, 5, 1), (1, 4)), rng, attenuation, trunk=trunk, gas=0.8)


def _paint_hollow(
    canvas: Canvas,
    path: NDArray[np.float64],
    rng: np.random.Generator,
    attenuation: Attenuation,
    *,
    trunk: Trunk,
    gas: float,
) -> None:
    """Paint one loop along corners (x, y, z, radius); ``gas`` is how likely it holds some."""
    corners, margin = path[:, :3], path[:, 3:] + 4
    part = canvas.within((corners - margin).min(0), (corners + margin).max(0))
    depth = np.minimum(tube(part.points, path.tolist()), trunk.cavity(part.points))
    content = rng.uniform(5, 35)  # HU of fluid and food
    part.paint(depth, attenuation.muscle + 15)
    lumen = np.asarray(depth - WALL_MM, np.float32)
    part.paint(lumen, content)
    if rng.uniform() < gas:
        # the level is flat, and lies between the front and the middle of the loop's foremost part
        level = corners[:, 1].min() + rng.uniform(-0.6, 0.6) * path[:, 3].mean()
        part.paint(np.asarray(np.minimum(lumen, level - part.points[1]), np.float32), GAS_HU)
