"""One scan in memory: its voxels, where they lie in the patient, and where they came from."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from monai.data.meta_tensor import MetaTensor
from numpy.typing import NDArray

from monai_sar.scans.library_warnings import without_library_warnings

__all__ = [
    "LPS_TO_RAS",
    "Scan",
    "ScanError",
    "check_modality",
    "holds_two_values",
    "reading",
    "voxel_ml",
    "voxels_to_image",
]


LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From the millimetres of DICOM (PS3.3 C.7.6.2.1.1) and ITK to those of NIfTI."""


class ScanError(ValueError):
    """A scan that cannot be read without guessing.

    The message is one sentence for the person who must mend it: the file or series, what was found, what was
    expected, what to do. It holds no patient name, identifier or date.
    """


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Turn whatever a format's library raises on damaged bytes into one :class:`ScanError`.

    Only the kind of the original error is told, and it is not chained: its text may quote the header. So may the
    library's warnings, which are dropped.

    Args:
        path: the file that is read.
        what: the format, as in "cannot be read as NIfTI".
    """
    try:
        with without_library_warnings():
            yield
    except ScanError:
        raise
    except MemoryError:
        raise ScanError(
            f"{path}: reading it as {what} takes more memory than this machine gives; end other programs, or crop it. "
            "If it is no large scan, its header claims too much: copy or export it again."
        ) from None
    except Exception as error:
        raise ScanError(
            f"{path}: cannot be read as {what} ({type(error).__name__}); the file is truncated or damaged, so copy "
            "or export it again."
        ) from None


@dataclass(frozen=True, eq=False)
class Scan:
    """One scan, read from a volume's file, DICOM or image slices.

    Attributes:
        image: ``[1, X, Y, Z]``, float32, in modality units (CT: HU; MR: stored signal after rescale); of image files
            that are read as stored, 3 channels. Its ``affine`` is float64 ``[4, 4]`` and maps array indices to RAS
            millimetres (the NIfTI convention).
        modality: DICOM modality code ("MR", "CT", "OPT", ...); None where the file does not say.
        slice_axis: spatial axis (0, 1 or 2) along which the slices were acquired.
        source: the file or folder that was given.
        sha256: SHA-256 of the bytes that were read (of one file: the file's own; of several: over their
            sorted digests). It identifies the scan without a name.
        kind: the family of formats it came from; "volume" are NRRD, MetaImage and MGH.
        instances: DICOM: the file of every slice along ``slice_axis``, which of a divided multi-frame image (a
            concatenation) come several times; or the one multi-frame file. Otherwise empty.
        frame_numbers: multi-frame DICOM: the 1-based frame number of every slice along ``slice_axis``.
            Otherwise empty.
        notes: what a reader should know (localizers left out, rescaling that varies, ...).
        padded: DICOM: whether there are voxels that are not part of the image (Pixel Padding Value); they have the
            lowest value.
        stored_max: image files: the largest value that their type can store, to scale by; otherwise None.
        volume: of a file with several volumes, which one it is, counted from 0; otherwise None.
    """

    image: MetaTensor
    modality: str | None
    slice_axis: int
    source: Path
    sha256: str
    kind: Literal["nifti", "volume", "dicom", "slices"]
    instances: tuple[Path, ...] = ()
    frame_numbers: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    padded: bool = False
    stored_max: float | None = None
    volume: int | None = None

    @property
    def two_values(self) -> bool:
        """Whether it is a volume of two values, as a mask is."""
        return self.image.shape[-1] > 1 and holds_two_values(self.image.numpy())


def holds_two_values(values: NDArray[np.generic]) -> bool:
    """Whether an array of any shape holds two values alone."""
    return bool(((values == values.min()) | (values == values.max())).all())


def voxel_ml(affine: Any) -> float:
    """Volume of a voxel in ml.

    Args:
        affine: ``[4, 4]``, array indices to millimetres; an array or a tensor.
    """
    return float(abs(np.linalg.det(np.asarray(affine, dtype=np.float64)[:3, :3]))) / 1000


def voxels_to_image(
    voxels: NDArray[np.float32] | NDArray[np.integer], affine: NDArray[np.float64], source: Path
) -> MetaTensor:
    """Check voxels and affine, and join them into one image.

    Args:
        voxels: ``[X, Y, Z]``, or ``[C, X, Y, Z]``.
        affine: ``[4, 4]``, array indices to RAS millimetres.
        source: named in errors.

    Returns:
        ``[C, X, Y, Z]`` float32; the voxels are not copied if they are that, and contiguous.

    Raises:
        ScanError: for an empty, constant or non-finite volume, or an affine that maps to no volume.
    """
    if voxels.size == 0:
        raise ScanError(f"{source}: holds no voxels (shape {voxels.shape}); export the scan again.")
    # an axis without extent, or parallel to another, makes the determinant zero
    if not (np.isfinite(affine).all() and abs(np.linalg.det(affine[:3, :3])) > 1e-12):
        raise ScanError(
            f"{source}: its affine {affine[:3].tolist()} does not span a volume (zero, parallel or "
            "non-finite axes), so no position in the patient can be given; mend the header or convert the "
            "scan again."
        )
    voxels = np.ascontiguousarray(voxels, dtype=np.float32)  # both at once: each by itself would take a volume's memory
    low, high = float(voxels.min()), float(voxels.max())  # NaN and infinities reach the minimum or maximum
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = int(voxels.size - np.count_nonzero(np.isfinite(voxels)))
        raise ScanError(
            f"{source}: {bad} of {voxels.size} voxels are NaN or infinite, expected numbers only; "
            "set them to the background value and write the scan again."
        )
    if low == high:
        raise ScanError(
            f"{source}: every voxel is {low:g}, so there is no picture in it; "
            "check that the export was complete and that this is the image, not an empty mask."
        )
    tensor = torch.from_numpy(voxels)
    return MetaTensor(
        tensor if tensor.ndim == 4 else tensor[None], affine=torch.from_numpy(np.asarray(affine, dtype=np.float64))
    )


def check_modality(scan: Scan, expected: str) -> None:
    """Raise if the scan says that it is of another modality than expected.

    Args:
        scan: a scan; one that does not say its modality (NIfTI, PNG, ...) passes.
        expected: DICOM modality code, e.g. "CT".

    Raises:
        ScanError: naming both modalities.
    """
    if scan.modality is not None and scan.modality != expected:
        raise ScanError(
            f"{scan.source}: its modality is {scan.modality}, expected {expected}; "
            f"choose a {expected} scan, or a model made for {scan.modality}."
        )
