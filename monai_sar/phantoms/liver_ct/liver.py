"""The liver: its shape between diaphragm and viscera, and its vessels."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from monai_sar.phantoms.liver_ct.attenuation import Attenuation
from monai_sar.phantoms.liver_ct.canvas import Canvas
from monai_sar.phantoms.liver_ct.organs import Organs
from monai_sar.phantoms.liver_ct.trunk import Trunk
from monai_sar.phantoms.shapes import distance_to_box, ellipsoid, tube
from monai_sar.phantoms.smooth_field import spline_field

__all__ = ["Liver"]

Array = NDArray[np.float32]
Vector = NDArray[np.float64]

# (x, y, z, radius) in mm
PORTAL_TRUNK = ((8, -12, -34, 6.5), (-24, -10, -8, 6.5), (-38, -8, -2, 6))
PORTAL_ROOTS = (((-38, -8, -2), (-60, 8, -6)), ((-38, -8, -2), (-50, -40, 10)), ((-34, -12, 0), (10, -48, 10)))
HEPATIC_ROOTS = (((-18, 4, 40), (-70, 12, -30)), ((-18, 2, 40), (-35, -45, -25)), ((-16, 0, 41), (25, -45, -20)))


@dataclass(frozen=True)
class Liver:
    """Shape of one subject's liver.

    Attributes:
        hilum: a point in mm on the plane that parts it from the viscera.
        downwards: unit vector across that plane, out of the liver: to the left, posterior and inferior.
        extent: centre and half axes in mm of the ellipsoid that holds it.
        fissure_mm: half width of the fissure of the round ligament.
    """

    hilum: Vector
    downwards: Vector
    extent: tuple[list[float], list[float]]
    fissure_mm: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw one subject."""
        downwards = rng.normal((0.5, 0.5, -0.68), 0.06)
        return cls(
            hilum=rng.normal((-14, 4, -10), (5, 5, 7)),
            downwards=downwards / np.linalg.norm(downwards),
            extent=(
                rng.normal((-48, -14, -2), 4).tolist(),
                rng.uniform((104, 96, 76), (132, 108, 94)).tolist(),
            ),
            fissure_mm=rng.uniform(0.5, 3.5),
        )

    def depth(self, points: Array, trunk: Trunk, organs: Organs) -> Array:
        """Depth in mm [N] below its surface; negative outside, also in the vena cava and in the gallbladder."""
        offset = points - self.hilum[:, None].astype(np.float32)
        above = -self.downwards.astype(np.float32) @ offset
        hollow = 12 - 0.0032 * (offset**2).sum(0)  # beside the hilum the liver reaches further down
        outside = (
            trunk.cavity(points) - 2.5,
            trunk.below_diaphragm(points) - 3,
            ellipsoid(points, *self.extent),
            above - hollow,
        )
        depth = np.asarray(np.minimum.reduce(outside), np.float32)
        near = np.flatnonzero(depth > -5)
        depth[near] = np.minimum(depth[near], self._beside_clefts(points[:, near], organs))
        return depth

    def _beside_clefts(self, points: Array, organs: Organs) -> Array:
        """Distance in mm [N] to the round ligament's fissure, the portal vein, and the organs that press into it."""
        x, y, z = points
        fissure = distance_to_box(np.stack([x + 0.3 * (y + 60), y, z]), (4, -75, -40), (0, 40, 46)) - self.fissure_mm
        portal = -tube(points, PORTAL_TRUNK) - 1
        return np.asarray(np.minimum.reduce((fissure, portal, organs.room_for_liver(points))), np.float32)

    def paint(
        self, canvas: Canvas, rng: np.random.Generator, attenuation: Attenuation, *, trunk: Trunk, organs: Organs
    ) -> None:
        """Paint liver and vessels, and note the depth of the liver."""
        part = canvas.within((-170, -130, -120), (110, 110, 80))
        depth = self.depth(part.points, trunk, organs)
        part.liver_depth[...] = depth.reshape(part.hu.shape)
        # perfusion and fat are not quite even
        uneven = 10 * spline_field(rng, part.hu.shape, (3, 3, 2)) + 9 * spline_field(rng, part.hu.shape, (24, 30, 14))
        part.paint(depth, attenuation.liver + uneven.ravel())
        part.paint(tube(part.points, PORTAL_TRUNK), attenuation.liver_vessels)
        for roots, radius in ((PORTAL_ROOTS, 5.8), (HEPATIC_ROOTS, 5.4)):
            for start, end in roots:
                for path in _branches(rng, np.array(start, np.float64), rng.normal(end, 5) - start, radius):
                    _paint_vessel(part, path, attenuation.liver_vessels)


def _branches(rng: np.random.Generator, start: Vector, course: Vector, radius: float) -> Iterator[Vector]:
    """Grow a vessel from ``start`` along ``course`` (mm) and let it fork until it is too thin to be seen.

    Yields:
        Corners ``[3, 4]`` of each piece: x, y, z and radius in mm.
    """
    length = np.linalg.norm(course)
    bend = start + 0.5 * course + rng.normal(0, 0.08 * length, 3)
    end = start + course
    yield np.array([[*start, radius], [*bend, 0.9 * radius], [*end, 0.8 * radius]])
    if radius < 2.2:
        return
    fork = rng.standard_normal(3)
    fork -= fork @ course / length**2 * course
    fork *= length / np.linalg.norm(fork)
    for side in (-1, 1):
        turned = 0.85 * course + side * rng.uniform(0.3, 0.8) * fork
        yield from _branches(rng, end, turned * rng.uniform(0.65, 0.85), 0.75 * radius)


def _paint_vessel(canvas: Canvas, path: Vector, hu: float) -> None:
    """Paint a vessel inside the liver; it ends below the capsule."""
    margin = path[0, 3] + 2
    part = canvas.within(path[:, :3].min(0) - margin, path[:, :3].max(0) + margin)
    part.paint(np.minimum(tube(part.points, path.tolist()), part.liver_depth.ravel() - 3), hu)
