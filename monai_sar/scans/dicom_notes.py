"""What a reader of a DICOM scan should know besides its voxels."""

from collections.abc import Sequence

from monai_sar.scans.dicom_frame import Frame
from monai_sar.scans.dicom_geometry import SliceStack, position_tolerance

__all__ = ["dicom_notes"]


def dicom_notes(
    frames: Sequence[Frame], rescale: Sequence[tuple[float, float]], stack: SliceStack, *, padding: int
) -> list[str]:
    """Return notes on a DICOM volume.

    Args:
        frames: its slices in order.
        rescale: slope and intercept of every slice.
        stack: how they were stacked.
        padding: how many voxels held the Pixel Padding Value.
    """
    header, declared, spacing = frames[0].file.header, frames[0].slice_spacing, stack.spacing
    notes = []
    if len(set(rescale)) > 1:
        (slopes, intercepts) = zip(*rescale, strict=True)
        notes.append(
            f"RescaleSlope varies from {min(slopes):g} to {max(slopes):g} and RescaleIntercept from "
            f"{min(intercepts):g} to {max(intercepts):g} between slices; each slice was rescaled with its own"
        )
    if header.get("PhotometricInterpretation") == "MONOCHROME1":
        done = "kept, as they are HU" if header.get("Modality") == "CT" else "inverted, so that more is brighter"
        notes.append(f"MONOCHROME1: the values were {done}")
    if header.get("LossyImageCompression") == "01":
        notes.append("the pixels were lossily compressed before")
    if frames[0].position is None:
        notes.append("the file gives no positions: slices are in the order of its frames, the patient's sides unknown")
    if padding:
        notes.append(f"{padding} voxels hold the Pixel Padding Value: they were set to the lowest value of the others")
    if malformed := sorted({keyword for frame in frames for keyword in frame.malformed}):
        notes.append(f"not used, because it is not what DICOM asks for: {', '.join(malformed)}")
    if spacing is not None and stack.unevenness > position_tolerance(spacing):
        notes.append(
            f"slices lie up to {stack.unevenness:.3g} mm beside an even grid of {spacing:.4g} mm: taken as even"
        )
    if spacing is None:
        notes.append("a single slice of unknown thickness: 1 mm was taken")
    elif declared is not None and abs(declared - spacing) > position_tolerance(spacing):
        notes.append(f"SpacingBetweenSlices says {declared:g} mm, but {spacing:.4g} mm was taken (from the positions)")
    return notes
