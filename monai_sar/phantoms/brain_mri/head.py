"""A head: the parameters of one subject, and its tissue at any set of points."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from monai_sar.phantoms.brain_mri.cortex import Cortex
from monai_sar.phantoms.brain_mri.deep_structures import DeepStructures
from monai_sar.phantoms.brain_mri.head_wrap import HeadWrap, paint_orbits
from monai_sar.phantoms.brain_mri.posterior_fossa import paint_posterior_fossa
from monai_sar.phantoms.brain_mri.tissue import Contrast, Tissue
from monai_sar.phantoms.shapes import coverage

__all__ = ["HeadAnatomy"]

Array = NDArray[np.float32]


@dataclass(frozen=True)
class HeadAnatomy:
    """One subject in the coordinates of a template head, in mm: x to the left, y to posterior, z to superior.

    The origin lies in the third ventricle. Size, asymmetry and pose are not part of it: they are in the points at
    which it is rendered.

    Attributes:
        contrast: signal of the tissues.
        cortex: gyri and sulci.
        deep: ventricles and nuclei.
        wrap: skull and scalp.
        phase: angles [3, 2] of the ripple that keeps the structures of the brain from being straight.
    """

    contrast: Contrast
    cortex: Cortex
    deep: DeepStructures
    wrap: HeadWrap
    phase: Array

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw one subject."""
        return cls(
            contrast=Contrast.draw(rng),
            cortex=Cortex.draw(rng),
            deep=DeepStructures.draw(rng),
            wrap=HeadWrap.draw(rng),
            phase=rng.uniform(0, 2 * np.pi, (3, 2)).astype(np.float32),
        )

    def render(self, points: Array) -> Tissue:
        """Tissue at ``points`` [3, ...] in mm; the arrays of the result have the shape [...]."""
        shape, points = points.shape[1:], points.reshape(3, -1)
        vault, base = vault_depth(points), skull_base_depth(points)
        tissue = Tissue.filled(vault.shape, self.contrast.air)

        depth = np.minimum(vault, base)
        brain = np.flatnonzero(depth > -1)
        tissue[brain] = self._brain(points[:, brain], depth[brain])

        face = np.flatnonzero((base < 1) & (vault > -20))
        canvas = tissue[face]
        paint_orbits(canvas, points[:, face], -base[face], self.contrast)
        tissue[face] = canvas

        around = np.flatnonzero((vault < 1) & (vault > -30))
        canvas = tissue[around]
        self.wrap.paint(canvas, points[:, around], -vault[around], self.contrast)
        tissue[around] = canvas
        return tissue.reshape(shape)

    def _brain(self, points: Array, depth: Array) -> Tissue:
        """What lies inside the skull, at points [3, N] which are ``depth`` mm below it."""
        tissue = Tissue.filled(depth.shape, self.contrast.csf)
        rippled = self._ripple(points)
        self.cortex.paint(tissue, rippled, depth, self.contrast)
        self.deep.paint(tissue, rippled, self.contrast)
        paint_posterior_fossa(tissue, rippled, depth, self.contrast)
        # flowing blood gives no signal
        sagittal_sinus = 3.5 - np.abs(points[0]) - 0.7 * depth
        tissue.paint(coverage(sagittal_sinus) * (points[1] > 0), self.contrast.csf)
        return tissue

    def _ripple(self, points: Array) -> Array:
        """Move points by up to 2 mm along each axis."""
        x, y, z = points
        a = self.phase
        shift = (
            np.sin(y / 8 + a[0, 0]) * np.sin(z / 9 + a[0, 1]),
            np.sin(x / 8 + a[1, 0]) * np.sin(z / 9 + a[1, 1]),
            np.sin(x / 9 + a[2, 0]) * np.sin(y / 9 + a[2, 1]),
        )
        return np.asarray(points + 2 * np.stack(shift), np.float32)


def vault_depth(points: Array) -> Array:
    """Depth in mm [N] below the inner table of the skull, taken as an egg: wider behind, flatter below."""
    x, y, z = points
    width = 64 * (1 + 0.10 * y / 80 - 0.05 * (y / 80) ** 2)
    height = np.where(z > 0, np.float32(68), np.float32(100))
    across, along, up = (x / width) ** 2, (y / 80) ** 2, (z / height) ** 2
    rho = np.sqrt(np.maximum(across + along + up - 0.35 * across * along, 1e-4))
    return np.asarray((1 - rho) / rho * np.sqrt(x**2 + y**2 + z**2), np.float32)


def skull_base_depth(points: Array) -> Array:
    """Distance in mm [N] from the floor of the anterior and the wall of the middle fossa; negative in the face."""
    side = np.abs(points[0])
    behind = points[1] + 34 - 0.012 * (side - 32) ** 2  # the temporal poles reach forward
    above = points[2] + 23 - 6 * np.exp(-(((side - 28) / 14) ** 2))  # the orbits bulge upwards
    outside = np.sqrt(np.maximum(behind, 0) ** 2 + np.maximum(above, 0) ** 2)
    return np.asarray(outside + np.minimum(np.maximum(behind, above), 0), np.float32)
