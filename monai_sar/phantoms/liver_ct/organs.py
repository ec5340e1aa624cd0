"""The solid organs and great vessels beside the liver, and the gallbladder."""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from monai_sar.phantoms.liver_ct.attenuation import Attenuation
from monai_sar.phantoms.liver_ct.canvas import Canvas
from monai_sar.phantoms.shapes import ellipsoid, tube

__all__ = ["Organs"]

Array = NDArray[np.float32]

# (x, y, z, radius) in mm
AORTA = ((8, 20, -110, 8.5), (11, 20, 0, 10), (7, 26, 110, 11))
CAVA = ((-20, 18, -110, 10), (-21, 15, 0, 11), (-16, 6, 45, 12.5), (-10, -4, 70, 13))
PANCREAS = ((-22, -12, -38, 12), (2, -18, -22, 8), (38, -8, -10, 9), (78, 14, 2, 8))


class _Ellipsoid(NamedTuple):
    centre: tuple[float, float, float]
    semi_axes: tuple[float, float, float]


TEMPLATE = {
    "heart": _Ellipsoid((22, -38, 82), (56, 44, 36)),
    "spleen": _Ellipsoid((104, 36, 6), (27, 48, 46)),
    "right_kidney": _Ellipsoid((-62, 54, -64), (26, 23, 50)),
    "left_kidney": _Ellipsoid((62, 48, -36), (26, 23, 50)),
    "gallbladder": _Ellipsoid((-42, -50, -44), (13, 22, 18)),
}


@dataclass(frozen=True)
class Organs:
    """Where the organs of one subject lie: those that are taken as ellipsoids, by name, in mm."""

    round: dict[str, _Ellipsoid]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw one subject."""
        organs = {}
        for name, template in TEMPLATE.items():
            x, y, z = rng.normal(template.centre, 4)
            a, b, c = rng.uniform(0.85, 1.12, 3) * template.semi_axes
            organs[name] = _Ellipsoid((x, y, z), (a, b, c))
        return cls(organs)

    def room_for_liver(self, points: Array) -> Array:
        """Distance in mm [N] from all that presses into the liver; negative inside."""
        pressing = (
            ellipsoid(points, *self.round["right_kidney"]) + 4,
            ellipsoid(points, *self.round["gallbladder"]) + 1.5,
            tube(points, CAVA) + 0.5,
            tube(points, AORTA) + 6,
        )
        return np.asarray(-np.maximum.reduce(pressing), np.float32)

    def paint(self, canvas: Canvas, attenuation: Attenuation) -> None:
        """Paint all of them; the liver, which leaves room for those that press into it, comes later."""
        part = canvas.within((-50, -45, -60), (95, 35, 25))
        part.paint(tube(part.points, PANCREAS), attenuation.pancreas)
        for name, hu in (("heart", attenuation.cava), ("spleen", attenuation.spleen)):
            part, depth = self._part(canvas, name)
            part.paint(depth, hu)
        for name in ("right_kidney", "left_kidney"):
            part, depth = self._part(canvas, name)
            part.paint(depth, attenuation.renal_cortex)
            part.paint(depth - 7, 0.8 * attenuation.renal_cortex, width=4)
            (x, y, z), (a, b, c) = self.round[name]
            sinus = ellipsoid(part.points, (0.8 * x, y, z), (0.6 * a, 0.3 * b, 0.5 * c))
            part.paint(sinus, attenuation.fat / 2, width=6)
        part, depth = self._part(canvas, "gallbladder")
        part.paint(depth + 1.5, attenuation.muscle)
        part.paint(depth, attenuation.bile)
        part = canvas.within((-40, -25, -200), (30, 45, 200))
        part.paint(tube(part.points, AORTA), attenuation.aorta)
        part.paint(tube(part.points, CAVA), attenuation.cava)

    def _part(self, canvas: Canvas, name: str) -> tuple[Canvas, Array]:
        """The part of the canvas around an organ, and the depth below it."""
        organ = self.round[name]
        centre, reach = np.array(organ.centre), np.array(organ.semi_axes) + 5
        part = canvas.within(centre - reach, centre + reach)
        return part, ellipsoid(part.points, *organ)
