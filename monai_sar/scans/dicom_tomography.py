"""Stack the B-scans of an Ophthalmic Tomography (OPT) file that gives distances but no positions.

Positions are not required in OPT that comes with a reference photograph of the eye (PS3.3 A.52.4.3).
"""

from collections.abc import Sequence

import numpy as np
from pydicom import uid

from monai_sar.scans.dicom_frame import Frame
from monai_sar.scans.dicom_geometry import SliceStack
from monai_sar.scans.image_stack import Spacing, slice_affine
from monai_sar.scans.scan import ScanError

__all__ = ["is_tomography_without_positions", "stack_in_file_order"]

_PARALLEL = 0.05
"""Largest difference between two parallel scan lines, as a part of their length (3 degrees): eyes move."""

_EVEN = 0.5
"""Largest deviation of a step between scan lines from the usual step, as a part of it."""


def is_tomography_without_positions(frames: Sequence[Frame]) -> bool:
    """Return whether this is OPT whose first frame has no Image Position (Patient)."""
    is_opt = frames[0].file.sop_class == uid.OphthalmicTomographyImageStorage
    return is_opt and frames[0].position is None


def stack_in_file_order(frames: Sequence[Frame], spacing: Spacing | None) -> SliceStack:
    """Stack frames in the order of the file, on the grid of image slices.

    Args:
        frames: all frames of one file.
        spacing: columns, rows, slices, in millimetres; None to take Pixel Spacing and Spacing Between Slices
            (or Slice Thickness, which many devices write instead) from the file.

    Raises:
        ScanError: if a distance is in neither place, Pixel Spacing varies, or the lines on the reference
            photograph are no raster (a radial or circular pattern, repeats, a gap).
    """
    if spacing is None:
        spacing = _spacing_in_file(frames)
    _check_raster(frames)
    return SliceStack(tuple(range(len(frames))), slice_affine(spacing), spacing[2])


def _spacing_in_file(frames: Sequence[Frame]) -> Spacing:
    first = frames[0]
    between_slices = first.slice_spacing or first.slice_thickness or (1.0 if len(frames) == 1 else None)
    found = {None if frame.pixel_spacing is None else tuple(frame.pixel_spacing.tolist()) for frame in frames}
    pixel_spacing = found.pop()
    if found or pixel_spacing is None or min(pixel_spacing) <= 0 or between_slices is None:
        raise ScanError(
            f"{first.file.path}: is an OPT file without positions, and its PixelSpacing or the distance "
            f"between its {len(frames)} slices is missing or varies; give spacing=(between columns, between "
            "rows, between slices) in millimetres."
        )
    between_rows, between_columns = pixel_spacing
    return between_columns, between_rows, between_slices


def _check_raster(frames: Sequence[Frame]) -> None:
    """Refuse B-scans whose lines on the reference photograph, if there is one, are not parallel and even."""
    found = [frame.photograph_line for frame in frames]
    lines = [line.reshape(2, 2) for line in found if line is not None and line.size == 4]
    if len(frames) == 1 or all(line is None for line in found):
        return
    even = False
    if len(lines) == len(frames):
        ends = np.array(lines)  # [frames, start and end, row and column]
        along = ends[:, 1] - ends[:, 0]
        steps = np.diff(ends.mean(axis=1), axis=0)
        usual = np.median(steps, axis=0)
        parallel = np.linalg.norm(along - along[0], axis=1).max() <= _PARALLEL * np.linalg.norm(along[0])
        unlike = np.linalg.norm(steps - usual, axis=1).max()
        even = bool(parallel and unlike < _EVEN * np.linalg.norm(usual))
    if not even:
        raise ScanError(
            f"{frames[0].file.path}: the lines of its {len(frames)} B-scans on the reference photograph are "
            "not parallel and even (radial, circular, repeated or missing scans), expected a raster; "
            "export a raster scan, or give its B-scans one by one as images."
        )
