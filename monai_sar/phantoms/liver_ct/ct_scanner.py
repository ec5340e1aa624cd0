"""From attenuation to what a scanner stores: blur, beam hardening, and the noise of a reconstruction."""

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, rfft2
from scipy.ndimage import gaussian_filter

__all__ = ["NOISE_HU", "acquire"]

Array = NDArray[np.float32]

NOISE_HU = (10.0, 14.0)  # standard deviation in the middle of the body
LIMITS_HU = (-1024.0, 3071.0)  # 12 bits
CUPPING = 0.004  # beam hardening: the middle of the body is this much too low, relative to water


def acquire(rng: np.random.Generator, hu: Array) -> Array:
    """Scan an abdomen.

    What is drawn depends on the shape alone: a subject with and without a lesion differs by the lesion only.

    Args:
        rng: source of randomness.
        hu: attenuation [rows, columns, slices].

    Returns:
        Hounsfield units of the same shape, float32. The noise is that of filtered back-projection, whose power
        rises with the frequency before the kernel cuts it off (Riederer et al., Phys Med Biol 23, 1978): it is
        grainy in the slices, without correlation between them, and strongest in the middle of the body.
    """
    y, x = (np.linspace(-1, 1, n, dtype=np.float32)[:, None] for n in hu.shape[:2])
    from_middle = (y**2 + (x**2).T)[..., None]
    blurred = gaussian_filter(hu, (0.5, 0.5, 0))
    hardened = blurred - CUPPING * (blurred + 1000) * np.maximum(1 - from_middle, 0)
    noise = _reconstruction_noise(rng, hu.shape) * rng.uniform(*NOISE_HU) * (1 - 0.3 * np.minimum(from_middle, 1))
    return np.asarray(np.clip(hardened + noise, *LIMITS_HU), np.float32)


def _reconstruction_noise(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Noise of standard deviation 1 whose power in each slice is a ramp times a Gaussian."""
    rows, columns, slices = shape
    frequency = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns))
    filter_ = (np.sqrt(frequency) * np.exp(-((frequency / 0.35) ** 2))).astype(np.float32)
    white = rng.standard_normal((slices, rows, columns), dtype=np.float32)
    noise = irfft2(rfft2(white) * filter_, s=(rows, columns))
    return np.asarray(np.moveaxis(noise / noise.std(), 0, -1), np.float32)
