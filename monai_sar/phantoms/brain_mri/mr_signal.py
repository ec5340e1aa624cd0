"""From tissue to what a scanner stores: texture, blur, coil sensitivity, Rician noise, arbitrary scale."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from monai_sar.phantoms.smooth_field import spline_field

__all__ = ["acquire"]

Array = NDArray[np.float32]


def acquire(rng: np.random.Generator, tissue_signal: Array) -> Array:
    """Scan a head.

    What is drawn depends on the shape alone, so two heads of one shape are scanned by the same scanner when the
    generators are in the same state: a subject with and without a lesion differs by the lesion only.

    Args:
        rng: source of randomness.
        tissue_signal: [rows, columns, slices], white matter = 1.

    Returns:
        Magnitude signal of the same shape, float32, positive, in arbitrary units of this scanner (white matter
        between about 150 and 900). The noise is Rician (Gudbjartsson & Patz, Magn Reson Med 34, 1995) with a
        standard deviation of 2 to 5 % of white matter.
    """
    shape = tissue_signal.shape
    texture = 1 + 0.08 * spline_field(rng, shape, (24, 20, 12))
    sensitivity = np.exp(0.35 * spline_field(rng, shape, (2, 2, 2)))
    noise = rng.uniform(0.02, 0.05) * rng.standard_normal((2, *shape), dtype=np.float32)
    scale = rng.uniform(150, 900)
    signal = gaussian_filter(tissue_signal * texture, (0.6, 0.6, 0)) * sensitivity
    return np.asarray(scale * np.hypot(signal + noise[0], noise[1]), np.float32)
