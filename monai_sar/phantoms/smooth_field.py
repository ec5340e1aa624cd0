"""Smooth random fields: what makes every subject different."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from scipy.ndimage import map_coordinates

__all__ = ["FoldingNoise", "spline_field", "texture"]

Array = NDArray[np.float32]


def spline_field(rng: np.random.Generator, shape: tuple[int, ...], cells: tuple[int, ...]) -> Array:
    """Draw a smooth field on a voxel grid: a cubic B-spline with Gaussian coefficients.

    The free-form field of Rueckert et al. (IEEE TMI 18(8), 1999), evaluated one axis at a time.

    Args:
        rng: source of randomness.
        shape: size of the voxel grid.
        cells: number of spline cells along each axis; fewer cells make a smoother field.

    Returns:
        Field of the given shape with mean 0 and a standard deviation of about 0.33 in 3D.
    """
    field = rng.standard_normal([count + 3 for count in cells], dtype=np.float32)
    for size, count in zip(shape, cells, strict=True):
        knots = np.arange(-3, count + 4)
        positions = np.linspace(0, count, size, endpoint=False)
        weights = BSpline.design_matrix(positions, knots, 3).toarray().astype(np.float32)
        # contracting the first axis puts its voxel axis last: after a full turn the order is as it was
        field = np.tensordot(field, weights, axes=(0, 1))
    return field


def texture(rng: np.random.Generator, shape: tuple[int, ...], spacing: Sequence[float], wavelength_mm: float) -> Array:
    """Draw a smooth field whose cells are about ``wavelength_mm`` wide, whatever the spacing (mm) of the voxels."""
    cells = [max(1, round(n * mm / wavelength_mm)) for n, mm in zip(shape, spacing, strict=True)]
    return spline_field(rng, shape, tuple(cells))


@dataclass(frozen=True)
class FoldingNoise:
    """Noise of one dominant wavelength whose zero crossings are sheets about half of it apart.

    Attributes:
        lattice: distance in mm to the nearest sheet (signed, true close to a sheet) on a periodic cubic lattice.
        spacing_mm: distance between lattice points.
    """

    lattice: Array
    spacing_mm: float

    @classmethod
    def draw(cls, rng: np.random.Generator, *, wavelength_mm: float) -> Self:
        """Keep the band around ``wavelength_mm`` of white noise and divide it by its own gradient."""
        size, period_mm = 64, 205.0
        shape = (size, size, size)
        frequency = np.fft.fftfreq(size, 1 / size) / period_mm
        k = np.stack(np.meshgrid(frequency, frequency, frequency[: size // 2 + 1], indexing="ij"))
        band = np.exp(-0.5 * ((np.sqrt((k**2).sum(0)) * wavelength_mm - 1) / 0.22) ** 2)
        spectrum = np.fft.rfftn(rng.standard_normal(shape)) * band
        value = np.fft.irfftn(spectrum, s=shape, axes=(0, 1, 2))
        gradient = [np.fft.irfftn(2j * np.pi * k_axis * spectrum, s=shape, axes=(0, 1, 2)) for k_axis in k]
        slope = np.sqrt(np.sum(np.square(gradient), axis=0))
        distance = value / np.maximum(slope, 0.35 * slope.mean())
        return cls(distance.astype(np.float32), period_mm / size)

    def at(self, points: Array) -> Array:
        """Interpolate linearly at ``points`` [3, N] in mm. Returns the signed distance [N] in mm."""
        indices = points / self.spacing_mm
        return np.asarray(map_coordinates(self.lattice, indices, order=1, mode="grid-wrap"), np.float32)
