"""Whose scans they are, by numbers that name nobody."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["PatientGroups"]


@dataclass(frozen=True, eq=False)
class PatientGroups:
    """The patients of a list of scans; a scan of unknown patient counts as a patient of its own.

    Attributes:
        of_scan: ``[N]``: the number of the patient of each scan, from 0.
        unknown: how many scans are of unknown patient.
    """

    of_scan: npt.NDArray[np.int64]
    unknown: int

    @classmethod
    def of(cls, patients: Sequence[str | None]) -> "PatientGroups":
        """Number the patients by their first scan.

        Args:
            patients: of each scan; None where unknown.
        """
        number: dict[str | int, int] = {}
        # an index is no name, so a scan of unknown patient meets no other
        of_scan = [
            number.setdefault(index if name is None else name, len(number)) for index, name in enumerate(patients)
        ]
        return cls(np.array(of_scan), sum(name is None for name in patients))

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.of_scan.max()) + 1

    @property
    def unit(self) -> str:
        """What is resampled: "patients", or "scans" where no patient is known."""
        return "scans" if self.unknown == len(self.of_scan) else "patients"

    def total(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Add up a number of each scan ``[N]`` for each patient: ``[P]``."""
        sums: npt.NDArray[np.float64] = np.bincount(
            self.of_scan, weights=np.asarray(values, np.float64), minlength=self.count
        ).astype(np.float64, copy=False)
        return sums
