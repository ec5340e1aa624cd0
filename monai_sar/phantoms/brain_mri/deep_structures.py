"""Ventricles and deep grey nuclei."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from monai_sar.phantoms.brain_mri.tissue import Contrast, Tissue
from monai_sar.phantoms.shapes import coverage, distance_to_box, ellipsoid, tube

__all__ = ["DeepStructures"]

Array = NDArray[np.float32]

# (x, y, z, radius) in mm, x counted from the midline to the side: frontal horn, body, trigone, occipital horn
LATERAL_VENTRICLE = (
    (13, -40, 8, 2.0),
    (8, -30, 11, 4.0),
    (6, -12, 15, 4.0),
    (9, 6, 21, 4.5),
    (16, 25, 20, 5.0),
    (25, 38, 11, 6.0),
    (24, 52, 8, 3.0),
    (22, 64, 6, 0.5),
)
NUCLEI = (  # centre and half axes in mm: caudate head, lentiform nucleus, thalamus
    ((15, -20, 9), (6, 11, 12)),
    ((25, -1, 4), (6, 17, 13)),
    ((10.5, 15, 6), (8, 13, 10)),
)


@dataclass(frozen=True)
class DeepStructures:
    """Size of the ventricles of one subject.

    Attributes:
        widening_mm: added to the radius of the left and of the right lateral ventricle.
        cap: how much the white matter lights up along the ventricle, 0 to 1 (common in normal older brains).
    """

    widening_mm: tuple[float, float]
    cap: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw one subject; the two sides differ a little, as they do in most people."""
        widening = rng.uniform(-1.2, 2.2)
        return cls((widening + rng.normal(0, 0.4), widening + rng.normal(0, 0.4)), rng.uniform(0, 1))

    def paint(self, tissue: Tissue, points: Array, contrast: Contrast) -> None:
        """Paint nuclei and ventricles at ``points`` [3, N]."""
        x, y, z = points
        near = np.flatnonzero((np.abs(x) < 45) & (np.abs(y) < 72) & (z > -16) & (z < 42))
        x, mirrored = x[near], np.stack([np.abs(x[near]), y[near], z[near]])
        canvas = tissue[near]
        for centre, semi_axes in NUCLEI:
            canvas.paint(coverage(ellipsoid(mirrored, centre, semi_axes), 2), contrast.deep_grey, parenchyma=1)
        left, right = self.widening_mm
        lateral = tube(mirrored, LATERAL_VENTRICLE) + np.where(x > 0, np.float32(left), np.float32(right))
        third = 1.4 + 0.4 * left - distance_to_box(mirrored, (0, 3, -3), (0, 11, 9))
        ventricle = np.maximum(lateral, third)
        rim = self.cap * coverage(ventricle + 1.5, 4) * canvas.white
        canvas.paint(rim, contrast.grey, white=1, parenchyma=1)
        canvas.paint(coverage(ventricle), contrast.csf)
        tissue[near] = canvas
