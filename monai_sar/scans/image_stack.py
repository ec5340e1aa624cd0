"""Read PNG, JPEG or TIFF slices: one slice, a multi-page TIFF, or a folder of slices."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from monai_sar.scans.content_hash import content_sha256
from monai_sar.scans.scan import Scan, ScanError, reading, voxels_to_image

__all__ = ["Spacing", "is_slice_image", "read_slices", "slice_affine"]

Spacing = tuple[float, float, float]
"""Distance between columns, between rows and between slices, in millimetres."""

_SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff"}
_GREY_MODES = {"L", "I", "I;16", "I;16B", "I;16L", "F"}
_TIFF_BITS_PER_SAMPLE, _TIFF_PHOTOMETRIC, _TIFF_WHITE_IS_ZERO = 258, 262, 0


def is_slice_image(path: Path) -> bool:
    """Return whether the file name ends in ``.png``, ``.jpg``, ``.jpeg``, ``.tif`` or ``.tiff``."""
    return path.suffix.lower() in _SUFFIXES


def slice_affine(spacing: Spacing) -> NDArray[np.float64]:
    """Return the affine of slices without a position: columns run to the left, rows to posterior, slices up.

    With it MONAI's ``Orientation("PLS")`` gives ``[rows, columns, slices]`` as displayed.
    """
    return np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])


def read_slices(files: Sequence[Path], source: Path, *, spacing: Spacing | None) -> Scan:
    """Read one image file, or several as one stack in the order of the number in their names.

    Args:
        files: image files of one scan.
        source: the file or folder that was given.
        spacing: columns, rows, slices, in millimetres. Needed for more than one slice. Resolutions stored in
            image files mean print or screen, so they are not used.

    Returns:
        ``image`` is ``[1, X=columns, Y=rows, Z=slices]`` with the values as stored (16 bit stays 16 bit).

    Raises:
        ScanError: for colour, damaged files, mixed sizes, names that do not say an order, or missing spacing.
    """
    ordered = _in_order(files, source)
    slices = [pixels for file in ordered for pixels in _pages(file)]
    sizes = {pixels.shape for pixels in slices}
    if len(sizes) > 1:
        found = ", ".join(f"{columns} x {rows}" for rows, columns in sorted(sizes))
        raise ScanError(
            f"{source}: its slices have different sizes ({found} pixels), expected one; "
            "keep the slices of one scan in a folder of their own."
        )
    if spacing is None and len(slices) > 1:
        raise ScanError(
            f"{source}: is a stack of {len(slices)} slices, and image files do not hold distances; give "
            "spacing=(between columns, between rows, between slices) in millimetres."
        )
    notes = () if spacing else ("image files hold no pixel spacing: 1 mm was taken",)
    voxels = np.empty((*slices[0].T.shape, len(slices)), dtype=np.float32)
    for index, pixels in enumerate(slices):
        voxels[:, :, index] = pixels.T
    return Scan(
        image=voxels_to_image(voxels, slice_affine(spacing or (1.0, 1.0, 1.0)), source),
        modality=None,
        slice_axis=2,
        source=source,
        sha256=content_sha256(ordered),
        kind="slices",
        notes=notes,
    )


def _in_order(files: Sequence[Path], source: Path) -> list[Path]:
    """Sort by the one number in which the names differ; refuse names that leave the order or a gap open."""
    if len(files) == 1:
        return list(files)
    parts = [re.split(r"(\d+)", file.stem) for file in files]
    same_text = len({tuple(part[::2]) for part in parts}) == 1
    numbers_at = list(zip(*(map(int, part[1::2]) for part in parts), strict=True)) if same_text else []
    varying = [numbers for numbers in numbers_at if len(set(numbers)) > 1]
    if len(varying) != 1:
        first, last = sorted(file.name for file in files)[:: len(files) - 1]
        raise ScanError(
            f"{source}: the names of its {len(files)} images ({first} ... {last}) do not say the order of "
            "the slices, expected names that differ in one number; name them 001.png, 002.png, ... in order."
        )
    numbers = np.array(varying[0])
    order = np.argsort(numbers, kind="stable")
    steps = np.diff(numbers[order])
    if steps.min() == 0 or steps.min() != steps.max():
        at = int(np.argmin(steps)) if steps.min() == 0 else int(np.argmax(steps))
        before, after = numbers[order][at : at + 2]
        raise ScanError(
            f"{source}: the slice numbers in the file names go from {before} to {after}, elsewhere in steps "
            f"of {int(np.median(steps))}, so slices are missing or double; complete the folder, or number "
            "anew."
        )
    return [files[index] for index in order]


def _pages(file: Path) -> Iterator[NDArray[np.generic]]:
    """Yield the pages of an image file as ``[rows, columns]`` grey values as stored."""
    with reading(file, "an image"), Image.open(file) as image:
        for page in ImageSequence.Iterator(image):
            yield _grey(page, file)


def _grey(page: Image.Image, file: Path) -> NDArray[np.generic]:
    tags = getattr(page, "tag_v2", {})
    if page.mode in _GREY_MODES:
        pixels = np.asarray(page)
        white_is_zero = tags.get(_TIFF_PHOTOMETRIC) == _TIFF_WHITE_IS_ZERO
        if white_is_zero and pixels.dtype == np.uint16:  # Pillow itself turns round 8-bit pixels only
            pixels = np.iinfo(np.uint16).max - pixels
        return pixels
    if max(tags.get(_TIFF_BITS_PER_SAMPLE, (_png_bit_depth(file),))) > 8:
        raise ScanError(
            f"{file}: is a 16-bit image with several channels, of which only 8 bits could be read; "
            "save it as a 16-bit grey-scale image."
        )
    colour = np.asarray(page.convert("RGBA"))
    if np.ptp(colour[..., :3], axis=-1).any() or (colour[..., 3] != 255).any():
        raise ScanError(
            f"{file}: is a colour or transparent image (mode {page.mode}), expected grey values; "
            "export the slice without colour map, overlay or annotation."
        )
    return colour[..., 0]


def _png_bit_depth(file: Path) -> int:
    """Return the bits per channel of a PNG (byte 24, W3C PNG section 11.2.1); 8 for other formats."""
    with file.open("rb") as stream:
        head = stream.read(25)
    return head[24] if head.startswith(b"\x89PNG") else 8
