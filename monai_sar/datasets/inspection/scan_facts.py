"""What one scan of a data set and its masks are like, told without keeping them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from monai.data.meta_tensor import MetaTensor
from numpy.typing import NDArray

from monai_sar.datasets.data_set_item import DataSetItem
from monai_sar.scans import ScanError, read_scan
from monai_sar.scans.same_grid import SAME_GRID, farthest_apart
from monai_sar.scans.scan import holds_two_values, voxel_ml
from monai_sar.scans.scan_mask import read_scan_mask

__all__ = ["ScanFacts", "ScanMaskFacts", "read_scan_facts"]


@dataclass(frozen=True)
class ScanMaskFacts:
    """A mask of a scan.

    Attributes:
        path: the file.
        problem: why it cannot be read; empty if it can, and only then is the rest there.
        other_grid: what its grid is and what the scan's, if they differ; else empty.
        inside: number of voxels that it marks.
        share: of all voxels, 0 to 1.
        volume_ml: of what it marks.
    """

    path: Path
    problem: str = ""
    other_grid: str = ""
    inside: int = 0
    share: float = 0.0
    volume_ml: float = 0.0


@dataclass(frozen=True)
class ScanFacts:
    """One scan of a data set.

    Attributes:
        item: what the data set says of it.
        problem: why it cannot be read; empty if it can, and only then is the rest there.
        shape: voxels along the three axes as stored.
        spacing: millimetres along them.
        modality: DICOM code; "unknown" where the file does not say.
        format: "nifti", "dicom" or "slices".
        two_valued: whether it holds but two values, as a mask does.
        digest: hash of the voxels; a copy has the same in whatever file.
        label: its mask of lesions.
        region: its mask of the region to score.
    """

    item: DataSetItem
    problem: str = ""
    shape: tuple[int, ...] = ()
    spacing: tuple[float, ...] = ()
    modality: str = "unknown"
    format: str = ""
    two_valued: bool = False
    digest: str = ""
    label: ScanMaskFacts | None = None
    region: ScanMaskFacts | None = None

    @property
    def path(self) -> Path:
        """The scan's file or folder."""
        return Path(self.item["image"])


def read_scan_facts(item: DataSetItem) -> ScanFacts:
    """Read a scan and its masks and say what they are like."""
    try:
        scan = read_scan(item["image"])
    except (ScanError, OSError) as error:
        return ScanFacts(item, problem=str(error))
    image = scan.image
    voxels = image.numpy()
    spacing = np.linalg.norm(np.asarray(image.affine)[:3, :3], axis=0)
    return ScanFacts(
        item,
        shape=tuple(voxels.shape[1:]),
        spacing=tuple(round(float(length), 3) for length in spacing),
        modality=scan.modality or "unknown",
        format=scan.kind,
        two_valued=holds_two_values(voxels),
        digest=_digest(voxels),
        label=_read_mask_facts(Path(item["label"]), image) if "label" in item else None,
        region=_read_mask_facts(Path(item["region"]), image) if "region" in item else None,
    )


def _digest(voxels: NDArray[np.float32]) -> str:
    digest = hashlib.blake2b(f"{voxels.shape}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(voxels).data)
    return digest.hexdigest()


def _read_mask_facts(path: Path, image: MetaTensor) -> ScanMaskFacts:
    try:
        inside, affine = read_scan_mask(path, image)
    except (ScanError, OSError) as error:
        return ScanMaskFacts(path, problem=str(error))
    marked = int(inside.sum())
    return ScanMaskFacts(
        path,
        other_grid=_difference(inside.shape, affine, image),
        inside=marked,
        share=marked / max(inside.size, 1),
        volume_ml=marked * voxel_ml(affine),
    )


def _difference(shape: tuple[int, ...], affine: NDArray[np.float64], image: MetaTensor) -> str:
    """Say in what the grid of a mask is not that of its scan; empty if in nothing."""
    expected = tuple(image.shape[1:])
    if shape != expected:
        return f"{' x '.join(map(str, shape))} voxels, its scan {' x '.join(map(str, expected))}"
    apart = farthest_apart(np.asarray(image.affine), affine, expected)
    return f"as many voxels, but up to {apart:.1f} mm away" if apart > SAME_GRID * float(min(image.pixdim)) else ""
