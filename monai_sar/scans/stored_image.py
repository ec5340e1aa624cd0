"""Read an image file (PNG, JPEG, TIFF or BMP) as it is stored, with all its grey levels and rows first.

MONAI's ``LoadImage`` returns ``[W, H]`` and keeps alpha as if it were signal; Pillow's ``convert("RGB")``
clips 16-bit grey at 255. Here rows come first and the values stay as stored.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile

from monai_sar.scans.bone_colormap import bone_index, bone_index_lossy
from monai_sar.scans.scan import ScanError

__all__ = ["ImageReadError", "StoredImage", "check_upright", "grey_values", "read_stored_image"]

FORMATS = ("PNG", "JPEG", "TIFF", "BMP")

_STORED_MAX = {
    "1": 1.0,
    **dict.fromkeys(("L", "LA", "P", "PA", "RGB", "RGBA", "RGBX"), 255.0),
    **dict.fromkeys(("I;16", "I;16L", "I;16B", "I;16N"), 65535.0),
    "F": 1.0,
}
"""Pillow's modes that can be read -> the largest value that the mode can store."""

_TIFF_PHOTOMETRIC, _TIFF_WHITE_IS_ZERO = 262, 0


class ImageReadError(ScanError):
    """An image file is missing, damaged, or of a kind that cannot be read without a loss or a guess."""


@dataclass(frozen=True)
class StoredImage:
    """The pixels of an image file as stored, without alpha.

    Attributes:
        path: the file.
        pixels: ``[H, W]`` (grey) or ``[H, W, 3]`` (RGB); bool, uint8, uint16 or float32.
        stored_max: the largest value that the file's type can store: 1 (one bit, or float), 255 or 65535.
        lossy: whether the file is JPEG-compressed, so that neighbouring values are mixed.
    """

    path: str
    pixels: NDArray[Any]
    stored_max: float
    lossy: bool


def read_stored_image(path: str | os.PathLike[str]) -> StoredImage:
    """Read a PNG, JPEG, TIFF or BMP file; the format is told by the content, not by the file's name.

    An EXIF orientation other than upright is refused: viewers turn such an image and most programs do not, so
    that a mask may have been drawn on either.

    Args:
        path: the file: grey of 1 to 16 bits, a palette, or RGB of 8 bits per channel; alpha is dropped.
            Grey of 32-bit float is read if all values lie in 0..1.

    Raises:
        ImageReadError: the file is missing, empty or damaged, holds several frames, is turned, or is of a kind that
            cannot be read as stored (16 bits per colour channel, signed or 32-bit integers, CMYK, ...).
    """
    name = os.fspath(path)
    _check_file(Path(name))
    try:
        with Image.open(name, formats=FORMATS) as image:
            _check_kind(image, name)
            lossy = image.format == "JPEG" or "jpeg" in str(image.info.get("compression", ""))
            stored_max = _STORED_MAX[image.mode]
            pixels = _pixels(image)
    except ImageReadError:
        raise
    except Exception as error:  # which one Pillow raises depends on the format and on where the damage lies
        raise ImageReadError(
            f"{name}: found {Path(name).stat().st_size} bytes that cannot be read as an image ({error}); "
            f"expected a whole file in one of the formats {', '.join(FORMATS)}. Copy or export it again."
        ) from error
    if pixels.dtype == np.float32 and not (pixels.min() >= 0 and pixels.max() <= 1):
        raise ImageReadError(
            f"{name}: found float values from {pixels.min():g} to {pixels.max():g}; expected 0..1, because a "
            "float image does not say what its largest value is. Save it as 16-bit grey, or as NIfTI."
        )
    return StoredImage(path=name, pixels=pixels, stored_max=stored_max, lossy=lossy)


def grey_values(stored: StoredImage) -> NDArray[Any]:
    """The grey values ``[H, W]`` of an image, or the intensities that the "bone" colour map was applied to.

    Raises:
        ImageReadError: it is coloured otherwise. No weighting of the channels is right for every modality, and a
            coloured mark burnt into a grey image would be found as an anomaly.
    """
    pixels = stored.pixels
    if pixels.ndim == 2:
        return pixels
    is_grey = (pixels == pixels[..., :1]).all(axis=-1)
    if is_grey.all():
        return pixels[..., 0]
    index = (bone_index_lossy if stored.lossy else bone_index)(pixels)
    if index is None:
        row, column = np.argwhere(~is_grey)[0]
        raise ImageReadError(
            f"{stored.path}: found colours, such as RGB {tuple(pixels[row, column].tolist())} at row {row}, "
            f'column {column}; expected grey values or the "bone" colour map. Save the file as grey, without '
            "coloured marks, or use its RGB values (in a bundle: --color as_stored)."
        )
    return index


def _check_file(path: Path) -> None:
    """Raise ImageReadError if there is no file, or nothing in it."""
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise ImageReadError(f"{path}: found {found}; expected an image file ({', '.join(FORMATS)}).")
    if path.stat().st_size == 0:
        raise ImageReadError(f"{path}: found zero bytes; expected an image file. Copy or export it again.")


def _check_kind(image: ImageFile.ImageFile, name: str) -> None:
    """Raise ImageReadError if Pillow would lose something of this (not yet decoded) image."""
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise ImageReadError(
            f"{name}: found {frames} frames in one {image.format} file; expected one slice. Save each frame "
            "as a file of its own, or the whole stack as NIfTI."
        )
    # Pillow opens 16-bit colour, and 16-bit grey with alpha, as 8 bit; only the tile tells, and until it is decoded
    tile = image.tile[0].args if image.tile else ""
    raw_mode = str(tile[0] if isinstance(tile, tuple) else tile)
    sixteen_bit_color = ";16" in raw_mode and _STORED_MAX.get(image.mode) == 255
    inverted = _white_is_zero(image) and image.mode == "F"  # from which value to count is not said
    if image.mode not in _STORED_MAX or sixteen_bit_color or inverted:
        found = f"{image.format} pixels of type {raw_mode}{' with white stored as zero' if inverted else ''}"
        raise ImageReadError(
            f"{name}: found {found}; expected grey of up to 16 bits (unsigned, black stored as zero), a palette, "
            "or RGB of 8 bits per channel. Convert the file to 16-bit grey, or to NIfTI."
        )
    check_upright(image, name)


def check_upright(image: Image.Image, name: str) -> None:
    """Refuse an image that is stored turned or mirrored.

    Raises:
        ImageReadError: its EXIF data say so.
    """
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    if orientation != 1:
        raise ImageReadError(
            f"{name}: found EXIF orientation {orientation}, an image that is stored turned or mirrored; expected the "
            "rows as they are shown. Save it upright, and see that its mask lies the same way."
        )


def _white_is_zero(image: Image.Image) -> bool:
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    return tags.get(_TIFF_PHOTOMETRIC) == _TIFF_WHITE_IS_ZERO


def _pixels(image: Image.Image) -> NDArray[Any]:
    """Decode the image and drop its alpha: ``[H, W]`` or ``[H, W, 3]``."""
    if image.mode == "LA":
        return np.asarray(image)[..., 0]
    if image.mode in ("P", "PA"):  # by way of RGBA: a palette can hold transparent entries
        image = image.convert("RGBA")
    pixels = np.asarray(image)
    if pixels.dtype == np.uint16 and _white_is_zero(image):  # Pillow itself turns round up to 8 bits
        pixels = np.iinfo(np.uint16).max - pixels
    return pixels[..., :3] if pixels.ndim == 3 else pixels
