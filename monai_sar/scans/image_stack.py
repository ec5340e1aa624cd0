"""Read PNG, JPEG, TIFF or BMP slices: one slice, a multi-page TIFF, or a folder of slices."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from monai_sar.scans.content_hash import content_sha256
from monai_sar.scans.scan import Scan, ScanError, reading, voxels_to_image
from monai_sar.scans.stored_image import check_upright, grey_values, read_stored_image

__all__ = ["Color", "Spacing", "read_slices", "slice_affine"]

Color = Literal["intensity", "as_stored"]
"""How coloured image files are read."""

Spacing = tuple[float, float, float]
"""Distance between columns, between rows and between slices, in millimetres."""

_ANY_RANGE = {"I", "F"}
_GREY_MODES = {"L", "I;16", "I;16B", "I;16L"} | _ANY_RANGE
_TIFF_PHOTOMETRIC, _TIFF_WHITE_IS_ZERO = 262, 0


def slice_affine(spacing: Spacing) -> NDArray[np.float64]:
    """Return the affine of slices without a position: columns run to the left, rows to posterior, slices up.

    With it MONAI's ``Orientation("PLS")`` gives ``[rows, columns, slices]`` as displayed.
    """
    return np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])


def read_slices(files: Sequence[Path], source: Path, *, spacing: Spacing | None, color: Color = "intensity") -> Scan:
    """Read one image file, or several as one stack in the order of the number in their names.

    Args:
        files: image files of one scan.
        source: the file or folder that was given.
        spacing: columns, rows, slices, in millimetres. Needed for more than one slice. Resolutions stored in
            image files mean print or screen, so they are not used.
        color: ``"intensity"``: one channel, see :func:`monai_sar.scans.stored_image.grey_values`; ``"as_stored"``:
            three, RGB as stored, grey repeated (the reading of the AR paper).

    Returns:
        ``image`` is ``[1 or 3, X=columns, Y=rows, Z=slices]`` with the values as stored (16 bit stays 16 bit).

    Raises:
        ScanError: for colour, damaged files, mixed sizes or bit depths, names that do not say an order, or missing
            spacing.
    """
    ordered = _in_order(files, source)
    slices = [page for file in ordered for page in _pages(file, color)]
    sizes = {page.values.shape[-2:] for page in slices}
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
    voxels = np.stack([page.values.swapaxes(-1, -2) for page in slices], axis=-1).astype(np.float32, copy=False)
    largest = {page.stored_max for page in slices}
    return Scan(
        image=voxels_to_image(voxels, slice_affine(spacing or (1.0, 1.0, 1.0)), source),
        modality=None,
        slice_axis=2,
        source=source,
        sha256=content_sha256(ordered),
        kind="slices",
        notes=notes,
        stored_max=largest.pop() if len(largest) == 1 else None,
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


class _Page(NamedTuple):
    """One slice: ``[C, rows, columns]`` as stored, and the largest value that the file's type can store."""

    values: NDArray[np.generic]
    stored_max: float | None


def _pages(file: Path, color: Color) -> Iterator[_Page]:
    with reading(file, "an image"), Image.open(file) as image:
        pages, mode = getattr(image, "n_frames", 1), image.mode
    if pages == 1 and mode not in _ANY_RANGE:
        stored = read_stored_image(file)
        if color == "intensity":
            yield _Page(grey_values(stored)[np.newaxis], stored.stored_max)
        else:
            yield _Page(_as_rgb(stored.pixels), stored.stored_max)
        return
    with reading(file, "an image"), Image.open(file) as image:
        for page in ImageSequence.Iterator(image):
            check_upright(page, str(file))
            values = _grey(page, file)[np.newaxis]
            yield _Page(values if color == "intensity" else np.repeat(values, 3, axis=0), None)


def _as_rgb(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.repeat(pixels[np.newaxis], 3, axis=0) if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)


def _grey(page: Image.Image, file: Path) -> NDArray[np.generic]:
    """A page of several, or one of 32-bit numbers: ``[rows, columns]``."""
    tags = getattr(page, "tag_v2", {})
    if page.mode not in _GREY_MODES:
        raise ScanError(
            f"{file}: has pages of mode {page.mode}, expected grey values; export the slices without colour map, "
            "overlay or annotation."
        )
    pixels = np.asarray(page)
    white_is_zero = tags.get(_TIFF_PHOTOMETRIC) == _TIFF_WHITE_IS_ZERO
    if white_is_zero and pixels.dtype == np.uint16:  # Pillow itself turns round 8-bit pixels only
        pixels = np.iinfo(np.uint16).max - pixels
    return pixels
