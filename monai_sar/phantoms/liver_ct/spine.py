"""The spine with the muscles beside it."""

import numpy as np
from numpy.typing import NDArray

from monai_sar.phantoms.liver_ct.attenuation import Attenuation
from monai_sar.phantoms.liver_ct.canvas import Canvas

__all__ = ["paint_spine"]

Array = NDArray[np.float32]

VERTEBRA_MM = 32.0
DISC_HU, CANAL_HU = 90.0, 30.0


def paint_spine(canvas: Canvas, rng: np.random.Generator, attenuation: Attenuation) -> None:
    """Paint vertebrae, discs, the canal, and the muscles along them (erector spinae, and psoas below)."""
    phase = rng.uniform(0, VERTEBRA_MM)
    part = canvas.within((-75, 25, -200), (75, 115, 200))
    x, y, z = part.points
    side = np.stack([np.abs(x), y, z])
    back = _column(side, (32, 76), (27, 18))
    psoas = np.minimum(_column(side, (33, 50), (13, 16)), -15 - z)
    part.paint(np.maximum(back, psoas), attenuation.muscle)

    level = (z + phase) % VERTEBRA_MM - VERTEBRA_MM / 2  # 0 in the middle of a vertebra
    body = _column(side, (0, 48), (21, 16))
    arch = 3.5 - np.abs(np.hypot(x, y - 72) - 11.5)
    spinous = 3.2 - np.hypot(x, np.maximum(np.abs(y - 91) - 9, 0))
    transverse = np.minimum(4 - np.abs(y - 0.25 * np.abs(x) - 68), np.minimum(36 - side[0], side[0] - 9))
    processes = np.minimum(np.maximum(spinous, transverse), 10 - np.abs(level))
    bone = np.maximum(np.maximum(body, arch), processes)
    part.paint(bone, attenuation.cortical_bone)
    part.paint(np.maximum(body - 2.5, processes - 2.5), attenuation.marrow)
    part.paint(np.minimum(body, np.abs(level) - VERTEBRA_MM / 2 + 4), DISC_HU)
    part.paint(8.5 - np.hypot(x, y - 72), CANAL_HU)


def _column(points: Array, centre: tuple[float, float], semi_axes: tuple[float, float]) -> Array:
    """Depth in mm [N] below an upright column of elliptic section."""
    rho = np.hypot((points[0] - centre[0]) / semi_axes[0], (points[1] - centre[1]) / semi_axes[1])
    return np.asarray((1 - rho) * min(semi_axes), np.float32)
