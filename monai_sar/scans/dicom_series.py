"""Read one DICOM series: single-frame files, or one multi-frame image (Enhanced MR and CT, OPT), perhaps in parts."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monai_sar.scans.content_hash import content_sha256
from monai_sar.scans.dicom_frame import Frame, frames_of
from monai_sar.scans.dicom_geometry import Plane, SliceStack, stack_planes
from monai_sar.scans.dicom_notes import dicom_notes
from monai_sar.scans.dicom_pixels import read_frames, read_pixel_data
from monai_sar.scans.dicom_select import choose_series
from monai_sar.scans.dicom_tomography import is_tomography_without_positions, stack_in_file_order
from monai_sar.scans.image_stack import Spacing
from monai_sar.scans.library_warnings import without_library_warnings
from monai_sar.scans.scan import Scan, ScanError, voxels_to_image

__all__ = ["read_dicom"]


def read_dicom(
    files: Sequence[Path], source: Path, *, series_uid: str | None, spacing: Spacing | None, modality: str | None = None
) -> Scan:
    """Read the image series among DICOM files as one volume, sorted by position along the slice normal.

    Args:
        files: DICOM files.
        source: the file or folder that was given.
        series_uid: Series Instance UID to read, if there are several.
        spacing: columns, rows, slices, in millimetres; only for OPT that holds no positions.
        modality: that is wanted, if there are series of several modalities.

    Returns:
        ``image`` is ``[1, X=columns, Y=rows, Z=slices]``; slices run along their normal. Voxels that hold the Pixel
        Padding Value, which are not part of the image (PS3.3 C.7.5.1.1.2), have the lowest value of the others.

    Raises:
        ScanError: if there is no such series, its slices form no regular stack, or pixels cannot be decoded.
    """
    with without_library_warnings():  # pydicom quotes an odd value wherever it meets it
        return _read(files, source, series_uid=series_uid, spacing=spacing, modality=modality)


def _read(
    files: Sequence[Path], source: Path, *, series_uid: str | None, spacing: Spacing | None, modality: str | None
) -> Scan:
    chosen, notes = choose_series(files, source, series_uid=series_uid, modality=modality)
    frames = [frame for file in chosen for frame in frames_of(file)]
    stack = _stack(frames, source, spacing)
    ordered = [frames[index] for index in stack.order]
    rescale = [frame.rescale for frame in ordered]
    first = ordered[0].file
    rows, columns = first.size
    decoded = _decode(ordered, rescale)
    index, pixels = next(decoded)  # refuses a size that the file does not hold, before memory is taken for all
    voxels = np.empty((columns, rows, len(ordered)), dtype=np.float32)
    voxels[:, :, index] = pixels.T
    for index, pixels in decoded:
        voxels[:, :, index] = pixels.T
    padding = _fill_padding(voxels, source)
    paths = tuple(frame.file.path for frame in ordered)
    distinct = tuple(dict.fromkeys(paths))
    return Scan(
        image=voxels_to_image(voxels, stack.affine, source),
        modality=first.modality,
        slice_axis=2,
        source=source,
        sha256=content_sha256(distinct),
        kind="dicom",
        instances=distinct if len(distinct) == 1 else paths,
        padded=padding > 0,
        frame_numbers=tuple(f.index + 1 for f in ordered) if first.is_multi_frame else (),
        notes=(*notes, *dicom_notes(ordered, rescale, stack, padding=padding)),
    )


def _fill_padding(voxels: NDArray[np.float32], source: Path) -> int:
    """Give padding, which is NaN, the lowest of the other values; return how many voxels that were."""
    padding = np.isnan(voxels)
    count = int(np.count_nonzero(padding))
    if count == voxels.size:
        raise ScanError(f"{source}: every voxel holds the Pixel Padding Value, so there is no picture in it.")
    if count:
        voxels[padding] = np.nanmin(voxels)
    return count


def _stack(frames: Sequence[Frame], source: Path, spacing: Spacing | None) -> SliceStack:
    if is_tomography_without_positions(frames):
        return stack_in_file_order(frames, spacing)
    if spacing is not None:
        raise ScanError(f"{source}: this DICOM scan says its own spacing, so none can be given; leave spacing out.")
    thickness = frames[0].slice_spacing or frames[0].slice_thickness
    return stack_planes([_plane(frame) for frame in frames], source, thickness=thickness)


def _plane(frame: Frame) -> Plane:
    """Return where a frame lies, or say what is missing."""
    position, orientation, pixel_spacing = frame.position, frame.orientation, frame.pixel_spacing
    if position is None or orientation is None or pixel_spacing is None:
        found = {
            "ImagePositionPatient": position,
            "ImageOrientationPatient": orientation,
            "PixelSpacing": pixel_spacing,
        }
        missing = ", ".join(name for name, value in found.items() if value is None)
        raise ScanError(
            f"{frame.file.path}: frame {frame.index + 1} has no {missing}, so its place in the patient is "
            "unknown; export it again with its geometry, or give its slices as images with spacing."
        )
    return Plane(position, orientation, pixel_spacing, frame.file.size)


def _decode(
    ordered: Sequence[Frame], rescale: Sequence[tuple[float, float]]
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield the number of every slice and its pixels, file by file, holding the stored pixels of one at a time."""
    slices: dict[Path, list[int]] = defaultdict(list)
    for number, frame in enumerate(ordered):
        slices[frame.file.path].append(number)
    for path, numbers in slices.items():
        frames, own = [ordered[number].index for number in numbers], [rescale[number] for number in numbers]
        yield from zip(numbers, read_frames(read_pixel_data(path), path, frames, own), strict=True)
