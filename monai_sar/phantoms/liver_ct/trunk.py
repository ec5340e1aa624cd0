"""The trunk around the organs: subcutaneous fat, muscle wall, ribs, and the lungs above the diaphragm."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from monai_sar.phantoms.liver_ct.attenuation import Attenuation
from monai_sar.phantoms.liver_ct.canvas import Canvas
from monai_sar.phantoms.shapes import ellipsoid

__all__ = ["Trunk"]

Array = NDArray[np.float32]

RIB_DISTANCE_MM = 27.0
RIB_DESCENT = 0.55  # ribs run down this much per mm towards the front


@dataclass(frozen=True)
class Trunk:
    """Layers of the trunk of one subject.

    Attributes:
        fat_mm: thickness of the subcutaneous fat at the sides.
        wall_mm: thickness of the wall of muscle and ribs at the sides.
        domes_mm: how far the right and the left dome of the diaphragm lie above the template's.
        rib_phase_mm: how high the ribs lie.
    """

    fat_mm: float
    wall_mm: float
    domes_mm: tuple[float, float]
    rib_phase_mm: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw one subject, lean or obese."""
        return cls(
            fat_mm=rng.uniform(5, 22),
            wall_mm=rng.uniform(13, 17),
            domes_mm=(rng.normal(0, 6), rng.normal(0, 6)),
            rib_phase_mm=rng.uniform(0, RIB_DISTANCE_MM),
        )

    def cavity(self, points: Array) -> Array:
        """Depth in mm [N] below the inner side of the wall."""
        return self._below_fat(points) - self._wall(points)

    def below_diaphragm(self, points: Array) -> Array:
        """Depth in mm [N] below the domes of the diaphragm and the saddle between them; negative in the chest."""
        right, left = self.domes_mm
        domes = (
            ellipsoid(points, (-68, -6, -62 + right), (116, 112, 116)),
            ellipsoid(points, (4, -26, -66 + right), (98, 88, 110)),
            ellipsoid(points, (74, 2, -72 + left), (104, 106, 114)),
        )
        return np.asarray(np.maximum.reduce(domes), np.float32)

    def paint(self, canvas: Canvas, attenuation: Attenuation) -> None:
        """Paint the layers from the skin inwards; the cavity is filled with fat, and with air in the chest."""
        below_fat = self._below_fat(canvas.points)
        cavity = below_fat - self._wall(canvas.points)
        canvas.paint(outline_depth(canvas.points), attenuation.fat)
        canvas.paint(below_fat, attenuation.muscle)
        self._paint_ribs(canvas, below_fat, attenuation)
        canvas.paint(cavity, attenuation.fat)

        chest = canvas.within((-180, -140, 0), (180, 140, 200))
        aside = np.abs(chest.points[0] - 4) - 24  # the mediastinum is not air
        above = -self.below_diaphragm(chest.points)
        chest.paint(np.minimum(np.minimum(self.cavity(chest.points), above), aside), attenuation.lung, width=4)

    def _below_fat(self, points: Array) -> Array:
        x, y, _ = points
        behind = np.clip(y / 100, 0, 1)
        fat = self.fat_mm * (1 - 0.35 * behind + 0.1 * np.cos(x / 40))
        return np.asarray(outline_depth(points) - fat, np.float32)

    def _wall(self, points: Array) -> Array:
        """Thickness of the wall [N]: thin in front, thick behind."""
        return np.asarray(self.wall_mm * (0.6 + 0.4 * np.clip((points[1] + 80) / 50, 0, 1)), np.float32)

    def _paint_ribs(self, canvas: Canvas, below_fat: Array, attenuation: Attenuation) -> None:
        x, y, z = canvas.points
        height = (z + self.rib_phase_mm + RIB_DESCENT * (100 - y)) % RIB_DISTANCE_MM - RIB_DISTANCE_MM / 2
        across = below_fat - 0.45 * self.wall_mm
        rib = 5.5 - np.sqrt(across**2 + (0.75 * height) ** 2)
        # in front there is cartilage, behind the ribs meet the spine
        limit = np.minimum(y + 62 + 0.25 * np.abs(x), np.abs(x) - 35)
        rib = np.minimum(rib, limit)
        canvas.paint(rib, attenuation.cortical_bone)
        canvas.paint(rib - 2, attenuation.marrow)


def outline_depth(points: Array) -> Array:
    """Depth in mm [N] below the skin, taken as a rounded box with a groove along the back."""
    x, y, _ = points
    across, along = (x / 160) ** 2, (y / 110) ** 2
    rho = np.sqrt(np.maximum(across + along - 0.35 * across * along, 1e-4))
    groove = 7 * np.exp(-((x / 16) ** 2)) * (y > 0)
    return np.asarray((1 - rho) / rho * np.sqrt(x**2 + y**2) - groove, np.float32)
