"""From positions and orientations of DICOM slices to their order and one affine, or the reason why not.

Image Plane Module, PS3.3 C.7.6.2.1.1:
https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.7.6.2.html
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monai_sar.scans.scan import LPS_TO_RAS, ScanError

__all__ = ["Plane", "SliceStack", "accepted_unevenness", "position_tolerance", "stack_planes"]

_ORIENTATION_TOLERANCE = 1e-3
"""Largest difference between direction cosines that mean the same direction (0.06 degrees)."""

_TWO_DECIMALS = 1e-9
"""Direction cosines this near to two decimals may have been rounded to them."""

_BY_ROUNDING = 0.02
"""What rounding to two decimals changes in products of directions at most (2 x 0.005 x sqrt(3))."""

_FAR_MM = 1e5
"""No slice lies a hundred metres from the origin of its frame of reference, and no pixel is as large."""

_SAME_POSITION_MM = 1e-4
"""Positions closer than this are one position; decimal strings round to about this."""


@dataclass(frozen=True)
class Plane:
    """Where one slice lies, in DICOM's patient coordinates (LPS, millimetres).

    Attributes:
        position: ``[3]``, centre of the first pixel.
        orientation: ``[6]``, direction of increasing column index, then of increasing row index.
        pixel_spacing: ``[2]``, between rows, then between columns.
        size: rows, columns.
    """

    position: NDArray[np.float64]
    orientation: NDArray[np.float64]
    pixel_spacing: NDArray[np.float64]
    size: tuple[int, int]


@dataclass(frozen=True)
class SliceStack:
    """Slices in order along their normal.

    Attributes:
        order: index of the plane for every slice.
        affine: ``[4, 4]``, (column, row, slice) indices to RAS millimetres.
        spacing: between slices, in millimetres; None for a single slice whose thickness is not known.
        unevenness: how far a slice lies from its place by the affine at most, in millimetres.
    """

    order: tuple[int, ...]
    affine: NDArray[np.float64]
    spacing: float | None
    unevenness: float = 0.0


def position_tolerance(spacing: float) -> float:
    """Return how far (mm) a slice may lie from its place on the regular grid without a word.

    1 % of the slice spacing or 0.01 mm, whichever is more, and never above 10 % of the spacing: 0.01 mm covers the
    rounding of positions in CT and MR, but B-scans of OCT lie as close as that.
    """
    return min(max(0.01 * spacing, 0.01), 0.1 * spacing)


def accepted_unevenness(spacing: float) -> float:
    """Return how far (mm) a slice may lie from its place on the regular grid, if that is told.

    0.1 mm, but never above 10 % of the spacing: positions that were rounded to 0.1 mm, and jitter that is far below the
    size of a pixel and the thickness of a slice.
    """
    return max(min(0.1, 0.1 * spacing), position_tolerance(spacing))


def stack_planes(planes: Sequence[Plane], source: object, *, thickness: float | None) -> SliceStack:
    """Sort planes along their normal and give the affine of the volume they form.

    The slice axis of the affine is the mean step from the first to the last position, and every slice lies on
    that line within :func:`accepted_unevenness`. The step is along the normal within :func:`position_tolerance`, or the
    whole of the steps within :func:`accepted_unevenness` (no gantry tilt).

    Args:
        planes: one or more.
        source: named in errors.
        thickness: distance to assume for a single slice, in millimetres.

    Raises:
        ScanError: for mixed sizes, spacings or orientations, duplicate positions, missing slices, uneven
            spacing or gantry tilt.
    """
    _check_one_grid(planes, source)
    _check_within_reach(planes, thickness, source)
    row, column = (_unit(half, planes[0].orientation, source) for half in np.split(planes[0].orientation, 2))
    if abs(row @ column) > _ORIENTATION_TOLERANCE:
        _refuse_rounded(planes[0].orientation, source)
        raise ScanError(
            f"{source}: its ImageOrientationPatient has row and column directions that are not at right "
            f"angles (cosine {row @ column:.3g}); mend the header or export the scan again."
        )
    normal = np.cross(row, column)
    positions = np.array([plane.position for plane in planes])
    distances = positions @ normal
    order = np.argsort(distances, kind="stable")
    positions, distances = positions[order], distances[order]
    spacing = thickness
    step = normal * (thickness or 1.0)
    unevenness = 0.0
    if len(planes) > 1:
        _check_spacing(distances, source)
        step = (positions[-1] - positions[0]) / (len(planes) - 1)
        spacing = float(step @ normal)
        unevenness = _check_line(positions, step, planes[0].orientation, normal, source)
    between_rows, between_columns = planes[0].pixel_spacing
    affine = np.eye(4)
    affine[:3] = np.column_stack([row * between_columns, column * between_rows, step, positions[0]])
    return SliceStack(tuple(order.tolist()), LPS_TO_RAS @ affine, spacing, unevenness)


def _check_within_reach(planes: Sequence[Plane], thickness: float | None, source: object) -> None:
    lengths = [[*plane.position, *plane.pixel_spacing, thickness or 1.0] for plane in planes]
    farthest = float(np.abs(lengths).max())
    if farthest > _FAR_MM:
        raise ScanError(
            f"{source}: its positions, PixelSpacing or SliceThickness reach {farthest:.3g} mm, which "
            "is no place in a patient; mend the header or export the scan again."
        )


def _refuse_rounded(orientation: NDArray[np.float64], source: object) -> None:
    """Say so if the reason why an orientation does not fit is that its cosines were rounded to two decimals."""
    directions = orientation.reshape(2, 3)
    off = float(np.abs(directions @ directions.T - np.eye(2)).max())
    if 1e-6 < off < _BY_ROUNDING and np.allclose(orientation, orientation.round(2), rtol=0, atol=_TWO_DECIMALS):
        raise ScanError(
            f"{source}: its ImageOrientationPatient was rounded to two decimals, which turns the slices by up to "
            "half a degree, so they do not fit their positions; export the scan again with all decimals."
        )


def _unit(direction: NDArray[np.float64], orientation: NDArray[np.float64], source: object) -> NDArray[np.float64]:
    length = float(np.linalg.norm(direction))
    if abs(length - 1.0) > _ORIENTATION_TOLERANCE:
        _refuse_rounded(orientation, source)
        raise ScanError(
            f"{source}: its ImageOrientationPatient has a direction of length {length:.3g}, expected 1; "
            "mend the header or export the scan again."
        )
    return np.asarray(direction / length)


def _check_one_grid(planes: Sequence[Plane], source: object) -> None:
    sizes = {plane.size for plane in planes}
    if len(sizes) > 1:
        found = ", ".join(f"{columns} x {rows}" for rows, columns in sorted(sizes))
        raise ScanError(f"{source}: its slices have different sizes ({found} pixels), expected one; split the series.")
    if not all((plane.pixel_spacing > 0).all() for plane in planes):
        raise ScanError(f"{source}: its PixelSpacing is not positive; mend the header or export the scan again.")
    spacings = np.array([plane.pixel_spacing for plane in planes])
    if not np.allclose(spacings, spacings[0], rtol=_ORIENTATION_TOLERANCE, atol=0):
        low, high = spacings.min(axis=0).tolist(), spacings.max(axis=0).tolist()
        raise ScanError(
            f"{source}: its slices have different PixelSpacing (from {low} to {high} mm), expected one; "
            "split the series."
        )
    orientations = np.array([plane.orientation for plane in planes])
    if not np.allclose(orientations, orientations[0], rtol=0, atol=_ORIENTATION_TOLERANCE):
        count = max(len(np.unique(orientations.round(2), axis=0)), 2)
        raise ScanError(
            f"{source}: its slices have different orientations ({count} found), expected one; split the "
            "series by ImageOrientationPatient (it may be a localizer or a radial scan)."
        )


def _check_spacing(distances: NDArray[np.float64], source: object) -> None:
    """Refuse sorted distances along the normal that hold duplicates, gaps or uneven steps."""
    gaps = np.diff(distances)
    double = np.flatnonzero(gaps <= _SAME_POSITION_MM)
    if len(double):
        raise ScanError(
            f"{source}: {len(distances)} slices lie at {len(distances) - len(double)} positions (first "
            f"double: {distances[double[0]]:.3f} mm along the normal), expected one slice each; the series "
            "mixes echoes, time points, b-values or reconstructions: export the wanted one alone, or split it with "
            "dcm2niix and give the NIfTI file of one."
        )
    usual = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    tolerance = accepted_unevenness(usual)
    widest = int(np.argmax(gaps))
    between = f"between {distances[widest]:.3f} and {distances[widest + 1]:.3f} mm along the normal"
    times = round(gaps[widest] / usual)
    if times > 1 and abs(gaps[widest] - times * usual) <= times * tolerance:
        raise ScanError(
            f"{source}: slices are missing: a gap of {gaps[widest]:.3f} mm {between}, elsewhere {usual:.3f} "
            f"mm, so {times - 1} are missing there; add them to the series and read it again."
        )
    if _off_line(distances[:, None]) > tolerance:
        raise ScanError(
            f"{source}: its slices are unevenly spaced, from {gaps.min():.3f} to {gaps.max():.3f} mm (widest "
            f"{between}), expected one distance within {tolerance:.3g} mm; resample it to even spacing and "
            "give a NIfTI file."
        )


def _off_line(points: NDArray[np.float64]) -> float:
    """Return how far a point `[N, D]` lies from its place on the best line with even steps at most (least squares)."""
    numbers = np.arange(len(points))
    slope, start = np.polyfit(numbers, points, 1)
    return float(np.linalg.norm(points - (start + numbers[:, None] * slope), axis=1).max())


def _check_line(
    positions: NDArray[np.float64],
    step: NDArray[np.float64],
    orientation: NDArray[np.float64],
    normal: NDArray[np.float64],
    source: object,
) -> float:
    """Refuse positions that run aslant to the normal, or not along one line.

    Returns:
        How far (mm) they lie beside the line from the first to the last at most.
    """
    along = float(step @ normal)
    aside = float(np.linalg.norm(step - along * normal))
    whole = aside * (len(positions) - 1)
    if aside > position_tolerance(along) and whole > accepted_unevenness(along):
        _refuse_rounded(orientation, source)
        raise ScanError(
            f"{source}: has gantry tilt: its slices are shifted {aside:.3f} mm sideways per {along:.3f} mm "
            f"({np.degrees(np.arctan2(aside, along)):.1f} degrees), expected stacking along the normal; "
            "resample it to an upright grid (e.g. with dcm2niix) and give the NIfTI file."
        )
    off = _off_line(positions)
    if off > accepted_unevenness(along):
        raise ScanError(
            f"{source}: its slices lie up to {off:.3f} mm beside a straight line, "
            "expected one straight stack; split the series or resample it, and give a NIfTI file."
        )
    return float(np.linalg.norm(positions - positions[0] - np.arange(len(positions))[:, None] * step, axis=1).max())
