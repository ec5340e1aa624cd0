"""What is kept of each scan once its map is gone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from torch import Tensor

from monai_sar.calibration.calibration import Kind
from monai_sar.calibration.input_check import InputCheck
from monai_sar.evaluation.pixel_counts import count_pixels
from monai_sar.metrics.anomaly_score import TOP_FRACTION, top_mean
from monai_sar.metrics.lesion_agreement import LesionAgreement, flagged_voxels, lesion_agreement
from monai_sar.metrics.lesion_score import label_lesions

__all__ = ["ScanMeasurement", "measure_scan"]

INVERTED_SHARE = 0.5
"""A mask that covers more of the region, or of the scan, than this is taken for one that is inverted."""


@dataclass(frozen=True, eq=False)
class ScanMeasurement:
    """One scan: some ten kilobytes, whatever its size. An image is a scan of one slice.

    Attributes:
        score: the mean of the highest 1 % of the map in the region.
        kind: a volume, or a single slice.
        voxels: of the scan.
        region_voxels: those that are scored: normal ones and those of lesions, ``[2]``.
        agreement: of map and lesions.
        flagged: ``[T, 2]``: voxels of the region above each threshold: normal ones and those of lesions.
        inside: voxels in the region by score, see :func:`count_pixels`.
        everywhere: all voxels by score.
        voxel_ml: volume of a voxel in ml; None for an image file, which does not say.
        name: of the scan, for people; empty if it is not to be told.
        digest: SHA-256 of the scan; empty if it is not known.
        input_check: whether the scan is like those that were calibrated on; None if that cannot be told.
        lesions_known: False for an abnormal scan whose lesions nobody has outlined: its voxels are in no figure.
    """

    score: float
    kind: Kind
    voxels: int
    region_voxels: npt.NDArray[np.int64]
    agreement: LesionAgreement
    flagged: npt.NDArray[np.int64]
    inside: sparse.csr_array
    everywhere: sparse.csr_array
    voxel_ml: float | None = None
    name: str = ""
    digest: str = ""
    input_check: InputCheck | None = None
    lesions_known: bool = True

    @property
    def mask_seems_inverted(self) -> bool:
        """Whether more than half of the region, or of the scan, is lesion."""
        return bool(
            self.region_voxels[1] > INVERTED_SHARE * self.region_voxels.sum()
            or self.agreement.voxels > INVERTED_SHARE * self.voxels
        )


def measure_scan(
    score: Tensor,
    mask: Tensor,
    region: Tensor,
    *,
    thresholds: Sequence[float] = (),
    voxel_ml: float | None = None,
    name: str = "",
    digest: str = "",
    input_check: InputCheck | None = None,
    lesions_known: bool = True,
) -> ScanMeasurement:
    """Measure one scan.

    Args:
        score: anomaly map ``[1, H, W, D]``, high is anomalous.
        mask: the same shape, not 0 in lesions.
        region: the same shape, not 0 where scores count.
        thresholds: scores above which a voxel is flagged.
        voxel_ml: volume of a voxel in ml.
        name: of the scan, for people.
        digest: SHA-256 of the scan.
        input_check: whether it is like those that were calibrated on.
        lesions_known: whether the mask says where lesions are; False for an abnormal scan without one.

    Raises:
        ValueError: shapes differ, the region is empty, or a score is not finite.
    """
    if not score.shape == mask.shape == region.shape or score.ndim != 4 or len(score) != 1:
        raise ValueError(
            f"Found a map of shape {tuple(score.shape)}, a mask of {tuple(mask.shape)} and a region of "
            f"{tuple(region.shape)}; expected [1, H, W, D] for each."
        )
    values = score.float().numpy(force=True)[0]
    inside, lesion = region.numpy(force=True)[0] != 0, mask.numpy(force=True)[0] != 0
    lesions = label_lesions(lesion)
    scored, of_lesion = values[inside], lesion[inside]
    hits = int(np.count_nonzero(of_lesion))
    flagged = [flagged_voxels(scored, of_lesion, threshold) for threshold in thresholds]
    del scored  # as large as the map
    return ScanMeasurement(
        score=top_mean(score, TOP_FRACTION, foreground=region),
        kind="volumes" if values.shape[-1] > 1 else "slices",
        voxels=values.size,
        region_voxels=np.array([of_lesion.size - hits, hits]),
        agreement=lesion_agreement(values, lesions, inside),
        flagged=np.array(flagged, np.int64).reshape(-1, 2),
        inside=count_pixels(values, lesions, inside),
        everywhere=count_pixels(values, lesions),
        voxel_ml=voxel_ml,
        name=name,
        digest=digest,
        input_check=input_check,
        lesions_known=lesions_known,
    )
