"""Brainstem and cerebellum, and the cisterns around them."""

import numpy as np
from numpy.typing import NDArray

from monai_sar.phantoms.brain_mri.tissue import Contrast, Tissue
from monai_sar.phantoms.shapes import coverage, ellipsoid, tube

__all__ = ["paint_posterior_fossa"]

Array = NDArray[np.float32]

BRAINSTEM = ((0, 12, -6, 12), (0, 13, -16, 13), (0, 13, -30, 14.5), (0, 20, -46, 10), (0, 26, -60, 8))
FOURTH_VENTRICLE = ((0, 22, -14, 1), (0, 31, -32, 4), (0, 34, -48, 1))


def paint_posterior_fossa(tissue: Tissue, points: Array, depth: Array, contrast: Contrast) -> None:
    """Paint what lies below the tentorium at ``points`` [3, N], ``depth`` mm below the inner skull."""
    below = np.flatnonzero(points[2] < 0)
    canvas = tissue[below]
    x, y, z = mirrored = np.stack([np.abs(points[0, below]), points[1, below], points[2, below]])
    # both planes are depths in mm: below the tentorium, behind the petrous bone
    tentorium = -5 - 0.38 * x - 0.3 * np.maximum(y - 35, 0) - z
    petrous = y - 4 - 0.5 * x
    fossa = np.minimum(tentorium, petrous) * 0.9
    cistern = np.maximum(ellipsoid(mirrored, (0, -8, -14), (12, 9, 7)), ellipsoid(mirrored, (0, 2, -34), (17, 14, 18)))
    canvas.paint(coverage(np.maximum(fossa, cistern)), contrast.csf)
    bone = np.minimum(4 - np.abs(petrous - 1), np.minimum((-27 - z) * 0.5, x - 17))
    canvas.paint(coverage(bone), contrast.bone)

    cerebellum = np.minimum(np.minimum(fossa, depth[below]) - 1.6, ellipsoid(mirrored, (0, 46, -36), (54, 34, 40)))
    arc = np.sqrt(x**2 + (y - 8) ** 2) + 0.8 * z
    folia = np.abs(arc % 4.5 - 2.25) - 0.5
    canvas.paint(coverage(cerebellum), contrast.grey * 0.95, parenchyma=1)
    lines = coverage(folia - 1.2) * coverage(cerebellum) * (1 - coverage(cerebellum - 9, 5))
    canvas.paint(lines * 0.45, contrast.csf, parenchyma=1)
    canvas.paint(coverage(ellipsoid(mirrored, (21, 44, -36), (15, 13, 13)), 5), contrast.white, parenchyma=1)

    stem = tube(mirrored, BRAINSTEM)
    canvas.paint(coverage(stem), 1.06 * contrast.white, parenchyma=1)
    canvas.paint(coverage(tube(mirrored, FOURTH_VENTRICLE)), contrast.csf)
    tissue[below] = canvas
