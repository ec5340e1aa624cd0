"""What the pixels of one image are like, told without keeping them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from monai_sar.datasets.bmad_layouts import AnomalyClass, Split
from monai_sar.scans.bone_colormap import bone_index, bone_index_lossy
from monai_sar.scans.stored_image import ImageReadError, StoredImage, read_stored_image

__all__ = ["BONE", "COLOURED", "GREY_AS_RGB", "ImageFacts", "read_image_facts"]

GREY_AS_RGB = "8-bit grey in RGB"
BONE = "8-bit bone"
COLOURED = "8-bit RGB"

_GREY = {"bool": "1-bit grey", "uint8": "8-bit grey", "uint16": "16-bit grey", "float32": "32-bit float grey"}


@dataclass(frozen=True)
class ImageFacts:
    """One image of a data set.

    Attributes:
        path: the file.
        split: its split.
        kind: its class.
        problem: why it cannot be read; empty if it can, and only then is the rest there.
        size: rows and columns.
        pixels: bit depth and colour, such as "16-bit grey".
        format: "PNG", "JPEG", "TIFF" or "BMP", by content.
        lossy: whether it is JPEG-compressed, in whichever format.
        constant: whether all pixels are equal.
        digest: hash of the intensities; the same picture has the same in whatever file format.
    """

    path: Path
    split: Split
    kind: AnomalyClass
    problem: str = ""
    size: tuple[int, int] = (0, 0)
    pixels: str = ""
    format: str = ""
    lossy: bool = False
    constant: bool = False
    digest: str = ""


def read_image_facts(path: Path, split: Split, kind: AnomalyClass) -> ImageFacts:
    """Read an image and say what it is like."""
    try:
        stored = read_stored_image(path)
    except ImageReadError as error:
        return ImageFacts(path, split, kind, problem=str(error))
    with Image.open(path) as image:  # reads the header alone
        file_format = str(image.format)
    pixels, intensity = _pixels_and_intensity(stored)
    return ImageFacts(
        path,
        split,
        kind,
        size=(intensity.shape[0], intensity.shape[1]),
        pixels=pixels,
        format=file_format,
        lossy=stored.lossy,
        constant=bool((intensity == intensity[:1, :1]).all()),
        digest=_digest(intensity),
    )


def _pixels_and_intensity(stored: StoredImage) -> tuple[str, NDArray[Any]]:
    """Return bit depth and colour, and the intensities ``[H, W]`` (``[H, W, 3]`` if it is truly coloured)."""
    pixels = stored.pixels
    if pixels.ndim == 2:
        return _GREY[pixels.dtype.name], pixels
    if (pixels == pixels[..., :1]).all():
        return GREY_AS_RGB, pixels[..., 0]
    index = (bone_index_lossy if stored.lossy else bone_index)(pixels)
    return (COLOURED, pixels) if index is None else (BONE, index)


def _digest(intensity: NDArray[Any]) -> str:
    """Return a hash of shape, type and values."""
    header = f"{intensity.shape} {intensity.dtype.name}".encode()
    return hashlib.blake2b(header + np.ascontiguousarray(intensity).tobytes(), digest_size=16).hexdigest()
