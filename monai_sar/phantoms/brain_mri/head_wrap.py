"""What surrounds the brain: skull with marrow, temporal muscle, scalp, and orbits below the frontal lobes."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from monai_sar.phantoms.brain_mri.tissue import Contrast, Tissue
from monai_sar.phantoms.shapes import coverage, ellipsoid

__all__ = ["HeadWrap", "paint_orbits"]

Array = NDArray[np.float32]


@dataclass(frozen=True)
class HeadWrap:
    """Thickness of the layers of one subject, in mm, and where they swell (four angles)."""

    skull_mm: float
    scalp_mm: float
    muscle_mm: float
    phase: Array

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw one subject."""
        return cls(
            skull_mm=rng.uniform(4.5, 6.5),
            scalp_mm=rng.uniform(4, 8),
            muscle_mm=rng.uniform(3, 6),
            phase=rng.uniform(0, 2 * np.pi, 4).astype(np.float32),
        )

    def paint(self, tissue: Tissue, points: Array, height: Array, contrast: Contrast) -> None:
        """Paint bone, muscle and fat at ``points`` [3, N], ``height`` mm above the inner skull."""
        x, y, z = points
        swell = [
            np.sin(c / period + a) for c, period, a in zip((y, x, y, x), (30, 25, 40, 20), self.phase, strict=True)
        ]
        skull = self.skull_mm * (1 + 0.15 * swell[0] + 0.1 * swell[1])
        beside = np.clip((np.abs(x) - 35) / 20, 0, 1) * np.clip((32 - z) / 25, 0, 1)
        muscle = skull + self.muscle_mm * beside * np.exp(-(((y + 22) / 28) ** 2))
        scalp = muscle + self.scalp_mm * (1 + 0.2 * swell[2] + 0.1 * swell[3])
        diploe = 0.25 * skull - np.abs(height - 0.5 * skull)
        tissue.paint(coverage(height), contrast.bone)
        tissue.paint(coverage(diploe, 1.5), contrast.marrow)
        tissue.paint(coverage(height - skull), contrast.muscle)
        tissue.paint(coverage(height - muscle), contrast.fat)
        tissue.paint(coverage(height - scalp + 1.2), 0.55 * contrast.fat)
        tissue.paint(coverage(height - scalp), contrast.air)


def paint_orbits(tissue: Tissue, points: Array, below_floor: Array, contrast: Contrast) -> None:
    """Paint what lies ``below_floor`` mm under the floor of the anterior fossa: bone, orbits, ethmoid air."""
    mirrored = np.stack([np.abs(points[0]), points[1], points[2]])
    tissue.paint(coverage(below_floor), contrast.bone)
    tissue.paint(coverage(below_floor - 3), contrast.muscle)
    orbit = np.minimum(ellipsoid(mirrored, (28, -58, -33), (18, 30, 17)), below_floor - 2)
    tissue.paint(coverage(orbit), 0.8 * contrast.fat)
    tissue.paint(coverage(ellipsoid(mirrored, (26, -40, -32), (3, 16, 3))), contrast.muscle)
    eye = ellipsoid(mirrored, (29, -66, -33), (12, 12, 12))
    tissue.paint(coverage(eye), contrast.grey)
    tissue.paint(coverage(eye - 1.5), contrast.csf)
    ethmoid = np.minimum(ellipsoid(mirrored, (0, -45, -38), (10, 32, 18)), below_floor - 2)
    tissue.paint(coverage(ethmoid), contrast.air)
