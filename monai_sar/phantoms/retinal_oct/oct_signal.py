"""From reflectivity to the grey values of an export: texture, speckle, noise floor, exposure, alignment."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from monai_sar.phantoms.retinal_oct.grid import SHAPE
from monai_sar.phantoms.smooth_field import spline_field

__all__ = ["BRIGHTEST", "MARGIN", "acquire", "blur"]

Array = NDArray[np.float32]

MARGIN = 255  # what exports put where an aligned B-scan has no data
BRIGHTEST = 254  # so that nothing else has the value of a margin


def blur(reflectivity: Array) -> Array:
    """Spread by the optics: half a row and somewhat more of a column, at most 3 voxels."""
    return np.asarray(gaussian_filter(reflectivity, (0.5, 0.7, 0)), np.float32)


def acquire(rng: np.random.Generator, reflectivity: Array) -> Array:
    """Scan a macula.

    What is drawn does not depend on ``reflectivity``: with and without a lesion a subject is scanned alike.

    Args:
        rng: source of randomness.
        reflectivity: ``[H, W, D]``, 0 to about 1.

    Returns:
        Grey values of the same shape, float32, 0 to 254; 255 in the margins that about a third of the scans have.
    """
    texture = 1 + 0.15 * spline_field(rng, SHAPE, (48, 48, 8))
    speckle = rng.uniform(0.08, 0.22) * _grain(rng)
    floor = rng.uniform(-12, 16) + rng.uniform(6, 14) * _grain(rng)
    exposure = rng.uniform(165, 230) * np.exp(rng.normal(0, 0.05, SHAPE[2]).astype(np.float32))
    gamma = rng.uniform(0.75, 1)
    display = exposure.astype(np.float32) * blur(reflectivity * texture) ** np.float32(gamma)
    display *= 1 + speckle
    values: Array = np.clip(display + floor, 0, BRIGHTEST).astype(np.float32)
    values[_margins(rng)] = MARGIN
    return values


def _grain(rng: np.random.Generator) -> Array:
    """Noise of standard deviation 1 whose grains are about two voxels wide."""
    noise = gaussian_filter(rng.standard_normal(SHAPE, dtype=np.float32), (0.55, 0.7, 0), truncate=2.5)
    return np.asarray(noise / noise.std(), np.float32)


def _margins(rng: np.random.Generator) -> NDArray[np.bool_]:
    """What lay outside each B-scan before it was moved and turned to align it with the others."""
    aligned = rng.random() < 1 / 3
    middle, slope = rng.uniform((-9, -0.07), (9, 0.07))
    columns = np.arange(SHAPE[1])[:, None] - SHAPE[1] / 2
    moved = middle + rng.normal(0, 1.5, SHAPE[2]) + (slope + rng.normal(0, 0.004, SHAPE[2])) * columns
    rows = np.arange(SHAPE[0])[:, None, None]
    return np.asarray(aligned & ((rows < moved) | (rows >= SHAPE[0] + moved)))
