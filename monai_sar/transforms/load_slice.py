"""Read one slice stored as PNG, JPEG, TIFF or BMP, with all its grey levels and rows first.

MONAI's ``LoadImage`` returns ``[W, H]`` and keeps alpha as if it were signal; Pillow's ``convert("RGB")``
clips 16-bit grey at 255. Here rows come first and the values stay as stored.
"""

import os
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.config.type_definitions import KeysCollection
from monai.data.meta_tensor import MetaTensor
from monai.transforms.transform import MapTransform, Transform
from monai.utils.module import look_up_option
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile

from monai_sar.transforms.bone_colormap import bone_index, bone_index_lossy

__all__ = ["ImageReadError", "LoadSlice", "LoadSliced", "StoredImage", "read_stored_image"]

FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
COLORS = ("intensity", "as_stored")

_STORED_MAX = {
    "1": 1.0,
    **dict.fromkeys(("L", "LA", "P", "PA", "RGB", "RGBA", "RGBX"), 255.0),
    **dict.fromkeys(("I;16", "I;16L", "I;16B", "I;16N"), 65535.0),
    "F": 1.0,
}
"""Pillow's modes that can be read -> the largest value that the mode can store."""

_TIFF_PHOTOMETRIC, _TIFF_WHITE_IS_ZERO = 262, 0


class ImageReadError(ValueError):
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


class LoadSlice(Transform):
    """Load one slice as a tensor of the values that are stored in the file, rows first and not scaled.

    Args:
        color: ``"intensity"`` (default) gives one channel. Grey is taken as it is; RGB with R = G = B too; an
            image coloured with the "bone" map (BMAD's brain slices) gives the intensities 0..255 that were
            coloured, exactly. Any other colour is an error: no weighting of the channels is right for every
            modality, and a coloured mark burnt into a grey image would be found as an anomaly.
            ``"as_stored"`` gives three channels, RGB as stored, grey repeated (the reading of the AR paper).

    The result is a float32 ``MetaTensor`` ``[1, H, W]`` or ``[3, H, W]``; 8-bit files give 0..255, 16-bit
    files 0..65535. ``meta["filename_or_obj"]`` is the path, ``meta["stored_max"]`` the largest value that the
    file's type can store, to scale by. The affine is the identity: such files have no geometry.

    Raises:
        ValueError: ``color`` is unknown.
        ImageReadError: when called, see :func:`read_stored_image`, or a coloured image is read as intensity.

    Example:
        >>> image = LoadSlice()("train/good/00003_75.png")  # doctest: +SKIP
        >>> scaled = image / image.meta["stored_max"]  # doctest: +SKIP
    """

    def __init__(self, color: str = "intensity") -> None:
        self.color = look_up_option(color, COLORS)

    def __call__(self, path: str | os.PathLike[str]) -> MetaTensor:
        """Return the slice stored in the file ``path``."""
        stored = read_stored_image(path)
        if self.color == "intensity":
            channels = _intensity(stored)[np.newaxis]
        elif stored.pixels.ndim == 2:
            channels = np.repeat(stored.pixels[np.newaxis], 3, axis=0)
        else:
            channels = np.moveaxis(stored.pixels, -1, 0)
        values = torch.from_numpy(np.array(channels, dtype=np.float32, order="C"))
        return MetaTensor(values, meta={"filename_or_obj": stored.path, "stored_max": stored.stored_max})


class LoadSliced(MapTransform):
    """Dictionary version of :class:`LoadSlice`.

    Args:
        keys: keys whose path is replaced by the slice.
        color: ``"intensity"`` or ``"as_stored"``, see :class:`LoadSlice`.
        allow_missing_keys: whether a key may be absent.
    """

    def __init__(self, keys: KeysCollection, *, color: str = "intensity", allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.loader = LoadSlice(color)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a copy of ``data`` with the slices in place of their paths."""
        loaded = dict(data)
        for key in self.key_iterator(loaded):
            loaded[key] = self.loader(loaded[key])
        return loaded


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
    # Pillow turns "white is zero" round at up to 8 bits, but not above
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    inverted = tags.get(_TIFF_PHOTOMETRIC) == _TIFF_WHITE_IS_ZERO and image.mode.startswith(("I", "F"))
    if image.mode not in _STORED_MAX or sixteen_bit_color or inverted:
        found = f"{image.format} pixels of type {raw_mode}{' with white stored as zero' if inverted else ''}"
        raise ImageReadError(
            f"{name}: found {found}; expected grey of up to 16 bits (unsigned, black stored as zero), a palette, "
            "or RGB of 8 bits per channel. Convert the file to 16-bit grey, or to NIfTI."
        )
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    if orientation != 1:
        raise ImageReadError(
            f"{name}: found EXIF orientation {orientation}, an image that is stored turned or mirrored; expected the "
            "rows as they are shown. Save it upright, and see that its mask lies the same way."
        )


def _pixels(image: Image.Image) -> NDArray[Any]:
    """Decode the image and drop its alpha: ``[H, W]`` or ``[H, W, 3]``."""
    if image.mode == "LA":
        return np.asarray(image)[..., 0]
    if image.mode in ("P", "PA"):  # by way of RGBA: a palette can hold transparent entries
        image = image.convert("RGBA")
    pixels = np.asarray(image)
    return pixels[..., :3] if pixels.ndim == 3 else pixels


def _intensity(stored: StoredImage) -> NDArray[Any]:
    """Return ``[H, W]``: the grey values, or the intensities that the "bone" colour map was applied to."""
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
            'coloured marks, or load it with color="as_stored" to use its RGB values.'
        )
    return index
