"""Undo the "bone" colour map: from the bluish RGB of a coloured slice back to the intensity 0..255.

BMAD's brain slices were written through matplotlib's "bone" map: intensity i was replaced by the i-th of 256
bluish greys. No two entries are equal, so the map can be inverted exactly. Luminance instead would bend the
intensity scale.

Source of the colour map: ``matplotlib.colormaps["bone"]`` (after MATLAB's ``bone``).
"""

from functools import cache

import matplotlib
import numpy as np
from numpy.typing import NDArray

__all__ = ["bone_index", "bone_index_lossy", "bone_lut"]

TOLERANCE = 2
"""Levels per channel by which a losslessly stored colour may be off the curve (rounding of other writers)."""

LOSSY_TOLERANCE = 20.0
"""Levels by which any pixel's chroma may be off the curve in a JPEG; 16 is the most that was measured."""

LOSSY_RESIDUAL = 0.6
"""Mean chroma error of a JPEG, relative to the curve's own chroma: 0.47 is the most measured; grey has 1."""


@cache
def bone_lut() -> NDArray[np.uint8]:
    """Return the colour map: row i is the RGB colour of intensity i.

    Returns:
        Array ``[256, 3]``, 0..255. Every column is non-decreasing, and no two rows are equal.
    """
    lut = np.asarray(matplotlib.colormaps["bone"](np.arange(256), bytes=True), dtype=np.uint8)[:, :3]
    lut.setflags(write=False)
    return lut


def bone_index(rgb: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return the intensity that each bone colour stands for; exact for a losslessly stored image.

    Args:
        rgb: colours ``[..., 3]``, 0..255.

    Returns:
        Intensities ``[...]``, 0..255, of the nearest colours of the map (by the channel that differs most), or
        None if a pixel lies more than 2 levels from every colour: then it is not a bone-coloured image.
    """
    known, index = _colours_near_the_curve()
    codes = _pack(rgb)
    position = np.minimum(np.searchsorted(known, codes), known.size - 1)
    return index[position] if np.array_equal(known[position], codes) else None


def bone_index_lossy(rgb: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return the intensity that each bone colour stands for, in an image that went through JPEG.

    JPEG keeps luminance finely and chroma coarsely (4:2:0 subsampling). So the intensity is read off the
    luminance, which rises strictly along the map, and the chroma only tells whether the image is
    bone-coloured. Measured on brain, liver and retinal slices at quality 30 to 95: the mean intensity error
    is that of a grey JPEG of the same quality.

    Args:
        rgb: colours ``[..., 3]``, 0..255.

    Returns:
        Intensities ``[...]``, 0..255, or None if the chroma does not follow the map: a pixel is more than 20
        levels off (a coloured mark), or the mean error exceeds 0.6 of the map's own chroma (another tint).
    """
    curve = _luma_and_chroma(bone_lut())
    pixels = _luma_and_chroma(rgb)
    index = np.rint(np.interp(pixels[..., 0], curve[:, 0], np.arange(256))).astype(np.uint8)
    expected = curve[index, 1:]
    error = np.abs(pixels[..., 1:] - expected)
    follows = error.max() <= LOSSY_TOLERANCE and error.mean() <= LOSSY_RESIDUAL * np.abs(expected).mean()
    return index if follows else None


@cache
def _colours_near_the_curve() -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Return all colours within the tolerance, packed and sorted, and the intensity nearest to each."""
    steps = np.arange(-TOLERANCE, TOLERANCE + 1)
    offsets = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    colours = (bone_lut()[:, None].astype(np.int32) + offsets).reshape(-1, 3)
    index = np.repeat(np.arange(256, dtype=np.uint8), len(offsets))
    # a colour can be near several entries: np.unique keeps the first of each, so put the nearest first
    furthest_channel = np.tile(np.abs(offsets).max(axis=1), 256)
    euclidean = np.tile((offsets**2).sum(axis=1), 256)
    order = np.lexsort((euclidean, furthest_channel))
    colours, index = colours[order], index[order]
    inside = (colours.min(axis=1) >= 0) & (colours.max(axis=1) <= 255)
    known, first = np.unique(_pack(colours[inside]), return_index=True)
    return known, index[inside][first]


def _pack(rgb: NDArray[np.uint8] | NDArray[np.int32]) -> NDArray[np.int32]:
    """Turn each colour ``[..., 3]`` into one number, so that colours can be sorted and looked up."""
    channels = rgb.astype(np.int32)
    return channels[..., 0] << 16 | channels[..., 1] << 8 | channels[..., 2]


def _luma_and_chroma(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return Y, Cb - 128, Cr - 128 ``[..., 3]`` in levels (Rec. ITU-R BT.601, full range, as JPEG stores)."""
    to_ycbcr = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
    return rgb.astype(np.float32) @ to_ycbcr.T
