"""Vessels of the retina, which cast shadows, and of the choroid behind it."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from monai_sar.phantoms.retinal_oct.grid import SHAPE, OctGrid
from monai_sar.phantoms.shapes import coverage
from monai_sar.phantoms.smooth_field import spline_field

__all__ = ["Choroid", "RetinalVessels"]

Array = NDArray[np.float32]


@dataclass(frozen=True)
class RetinalVessels:
    """Vessels on the border of the nerve fibre and ganglion cell layers.

    Attributes:
        density: 0 beside all vessels, up to 1 within one; ``[W, D]``.
        opacity: share of the light that such a vessel keeps from what lies behind it.
    """

    density: Array
    opacity: float

    @classmethod
    def draw(cls, rng: np.random.Generator, grid: OctGrid, avascular: Array) -> Self:
        """Draw vessels that cross the B-scans; ``avascular`` [W, D] is 0 where none can be."""
        x, z = grid.en_face
        light = np.ones(SHAPE[1:], np.float32)
        for _ in range(rng.integers(6, 12)):
            place = rng.uniform(x.min(), x.max()) + rng.uniform(-1.2, 1.2) * z
            place = place + 0.3 * spline_field(rng, (SHAPE[2],), (4,))
            width = rng.uniform(0.018, 0.05)
            light *= 1 - rng.uniform(0.4, 1) * np.exp(-(((x - place) / width) ** 2))
        return cls(((1 - light) * avascular**2).astype(np.float32), rng.uniform(0.45, 0.75))

    def cast(self, signal: Array, offset: Array, behind: Array) -> Array:
        """Give ``signal`` with vessels where ``offset`` mm is 0, and their shadow where ``behind`` is 1."""
        spot = np.exp(-(((offset - 0.01) / 0.022) ** 2))
        return np.asarray(signal * (1 - self.opacity * self.density * behind) + 0.3 * self.density * spot, np.float32)


@dataclass(frozen=True)
class Choroid:
    """Dark vessels in bright stroma, which fade into the sclera.

    Attributes:
        reflectivity: of the stroma right behind Bruch's membrane.
        fading_mm: depth over which the signal falls by a factor of e.
        thickness_mm: how deep vessels reach.
        lumen: about 1 within vessels, 0 beside them, ``[H, W, D]``.
    """

    reflectivity: float
    fading_mm: float
    thickness_mm: float
    lumen: Array

    @classmethod
    def draw(cls, rng: np.random.Generator, grid: OctGrid) -> Self:
        """Draw the choroid of one subject."""
        pattern = spline_field(rng, SHAPE, grid.cells((0.065, 0.1, 0.5)))
        return cls(
            reflectivity=rng.uniform(0.38, 0.52),
            fading_mm=rng.uniform(0.1, 0.2),
            thickness_mm=rng.uniform(0.14, 0.28),
            lumen=coverage(pattern - np.float32(rng.uniform(0, 0.15)), 0.4),
        )

    def signal(self, below: Array) -> Array:
        """Reflectivity at depths ``below`` Bruch's membrane in mm, ``[H, W, D]``."""
        vascular = coverage(below - 0.045, 0.04) * coverage(self.thickness_mm - below, 0.06)
        fading = np.exp(-np.maximum(below, 0) / np.float32(self.fading_mm))
        return np.asarray(np.float32(self.reflectivity) * fading * (1 - 0.7 * vascular * self.lumen), np.float32)
