"""What a calibration keeps of the scores of one normal patient."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monai_sar.calibration.conformal import ScoreCalibrationError
from monai_sar.calibration.scan_traits import Kind, ScanTraits

__all__ = ["LEVELS", "PatientScores", "by_patient", "upper_levels"]

LEVELS = 10_000
"""As how many equal parts the pixel scores of a patient are kept."""


@dataclass(frozen=True, eq=False)
class PatientScores:
    """What a detector says of one normal patient.

    Attributes:
        pixels: scores in the region of the normal slices of all scans, as :func:`upper_levels` keeps them.
        scans: score of each scan that shows no lesion.
        digests: one per scan, SHA-256 of what the detector saw.
        sources: one per scan, SHA-256 of its files.
        kind: what the scans are.
        traits: one per scan: what it is like; none, if that was not measured.
    """

    pixels: npt.NDArray[np.float32]
    scans: tuple[float, ...]
    digests: tuple[bytes, ...]
    sources: tuple[str, ...]
    kind: Kind
    traits: tuple[ScanTraits, ...] = ()


def by_patient(patients: Sequence[str | None]) -> list[list[int]]:
    """Group scans by patient: indices; a scan of an unknown patient is a group of its own."""
    groups: dict[str | int, list[int]] = {}
    for index, patient in enumerate(patients):
        groups.setdefault(index if patient is None else patient, []).append(index)
    return list(groups.values())


def upper_levels(scores: npt.NDArray[np.float32], levels: int = LEVELS) -> npt.NDArray[np.float32]:
    """Keep any number of scores as at most so many, equally many of which stand for each.

    The share above any threshold never comes out smaller than it is, and by less than ``1 / levels`` larger.

    Args:
        scores: ``[N]``.
        levels: how many to keep.

    Returns:
        The scores of ranks ``ceil(j * N / levels)``, ascending; all of them, if they are no more than ``levels``.

    Raises:
        ScoreCalibrationError: a score is NaN or infinite.
    """
    if not np.isfinite(scores).all():
        raise ScoreCalibrationError("The anomaly map of a normal scan holds NaN or infinite scores. Check the model.")
    ascending = np.sort(scores)
    kept = min(levels, ascending.size)
    ranks = -(-np.arange(1, kept + 1) * ascending.size // kept)  # rounded up
    return ascending[ranks - 1]
