"""The folded cortex: how deep a point lies below the surface of the brain, sulci included."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from monai_sar.phantoms.brain_mri.tissue import Contrast, Tissue
from monai_sar.phantoms.shapes import coverage, distance_to_box
from monai_sar.phantoms.smooth_field import FoldingNoise

__all__ = ["Cortex"]

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Cortex:
    """Gyri and sulci of one subject.

    Sulci are the sheets on which band-limited noise is zero. The noise is read not at a point but above it, away
    from the long axis of its hemisphere, so that the sheets run inwards from the surface as sulci do.

    Attributes:
        folds: the noise.
        phase: where sulci are deep, three angles.
        sulcus_mm: half width of a sulcus.
        thickness_mm: thickness of the grey matter.
    """

    folds: FoldingNoise
    phase: Array
    sulcus_mm: float
    thickness_mm: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw one subject; sulci are narrow in some and wide in others, as in the young and the old."""
        return cls(
            folds=FoldingNoise.draw(rng, wavelength_mm=rng.uniform(20, 25)),
            phase=rng.uniform(0, 2 * np.pi, 3).astype(np.float32),
            sulcus_mm=rng.uniform(0.1, 0.7),
            thickness_mm=rng.uniform(2.4, 3.2),
        )

    def paint(self, tissue: Tissue, points: Array, depth: Array, contrast: Contrast) -> None:
        """Paint grey and white matter at ``points`` [3, N], which lie ``depth`` mm below the inner skull."""
        pial = self.pial_depth(points, depth)
        tissue.paint(coverage(pial), contrast.grey, parenchyma=1)
        tissue.paint(coverage(pial - self.thickness_mm, 1.8), contrast.white, white=1, parenchyma=1)

    def pial_depth(self, points: Array, depth: Array) -> Array:
        """Depth in mm [N] below the nearest piece of pia: outer surface, midline, a sulcus or the Sylvian fissure."""
        x, y, z = points
        # in the core (corpus callosum and below) the hemispheres are joined
        core = np.maximum((1 - np.sqrt(((y - 2) / 46) ** 2 + ((z - 2) / 27) ** 2)) * 27, 0)
        midline = np.sqrt(x**2 + core**2) - 0.2
        surface = np.minimum(depth - 1.2, midline)
        pial = np.minimum(surface, self._sulci(points, surface))
        return np.asarray(np.minimum(pial, sylvian_fissure(points)) - self.sulcus_mm, np.float32)

    def _sulci(self, points: Array, surface: Array) -> Array:
        """Distance in mm to the nearest sulcus, which ends at a depth that varies along the surface."""
        x, y, z = points
        axis = np.stack([np.sign(x) * 26, np.clip(y, -48, 48), np.clip(z, -10, 12)]).astype(np.float32)
        offset = points - axis
        # below 1, so that sulci are not all straight and radial
        stretch = (np.sqrt((offset**2).sum(0)) / 40 + 0.05) ** 0.8
        above = axis + offset / stretch
        wave = [np.sin(above[i] / length + self.phase[i]) for i, length in enumerate((9, 12, 9))]
        reach = 15 + 8 * wave[0] * wave[1] * wave[2]
        across = self.folds.at(above) * stretch
        return np.asarray(np.sqrt(across**2 + np.maximum(surface - reach, 0) ** 2), np.float32)


def sylvian_fissure(points: Array) -> Array:
    """Distance in mm to the insula and to the fissure that runs from it to the side of the brain."""
    x, y, z = points
    side = np.abs(x)
    insula = distance_to_box(np.stack([side + 0.012 * (y + 2) ** 2, y, z]), (40, -2, 4), (0, 18, 11))
    slope = 0.9 * (z - 0.45 * (y + 8))
    lateral = distance_to_box(np.stack([side, y, slope]), (64, -6, 0), (25, 30, 0))
    return np.minimum(insula, lateral) - np.float32(0.6)
