"""Everything that is known of a set when its last scan has been mapped."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse

from monai_sar.calibration.calibration import Calibration
from monai_sar.calibration.scan_p_value import scan_p_value
from monai_sar.evaluation.patient_groups import PatientGroups
from monai_sar.evaluation.pixel_counts import PatientPixels
from monai_sar.evaluation.scan_measurement import ScanMeasurement
from monai_sar.metrics.lesion_score import Lesion
from monai_sar.metrics.patient_bootstrap import PatientBootstrap

__all__ = ["Collected"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Collected:
    """The facts of all scans, and whose they are.

    Attributes:
        facts: of N scans.
        abnormal: ``[N]``: the class of each scan, as the data set says.
        patients: of the scans.
        bootstrap: over these patients.
        calibration: of the detector, whose voxel thresholds the facts were measured at; None if it has none.
        trained_on: first digits of the SHA-256 of the scans that the detector was trained on.
    """

    facts: Sequence[ScanMeasurement]
    abnormal: npt.NDArray[np.bool_]
    patients: PatientGroups
    bootstrap: PatientBootstrap
    calibration: Calibration | None = None
    trained_on: Collection[str] = ()

    @cached_property
    def scores(self) -> FloatArray:
        """Of the scans, ``[N]``."""
        return np.array([facts.score for facts in self.facts])

    @cached_property
    def p_values(self) -> list[tuple[float | None, str | None]]:
        """Of each scan its p-value or None, and what to know of it; see :func:`scan_p_value`."""
        return [
            scan_p_value(
                self.calibration, facts.score, kind=facts.kind, digest=facts.digest, trained_on=self.trained_on
            )
            for facts in self.facts
        ]

    @property
    def missing_p_values(self) -> Counter[str]:
        """Why scans have none, and how many."""
        return Counter(note for p_value, note in self.p_values if p_value is None and note is not None)

    @cached_property
    def region_voxels(self) -> IntArray:
        """``[N, 2]``: scored voxels, normal ones and those of lesions."""
        return np.stack([facts.region_voxels for facts in self.facts])

    @cached_property
    def lesion_voxels(self) -> IntArray:
        """``[N]``: of the whole masks."""
        return np.array([facts.agreement.voxels for facts in self.facts])

    @cached_property
    def lesions(self) -> list[tuple[int, Lesion]]:
        """Every lesion, with the number of its scan, from 0."""
        return [(scan, lesion) for scan, facts in enumerate(self.facts) for lesion in facts.agreement.lesions]

    @property
    def size_unit(self) -> Literal["ml", "voxels"]:
        """In what lesions are told by size: in ml where every scan with a lesion says how large its voxels are."""
        told = all(facts.voxel_ml is not None for facts in self.facts if facts.agreement.lesions)
        return "ml" if told and self.lesions else "voxels"

    def size(self, scan: int, lesion: Lesion) -> float:
        """Of a lesion of a scan, in :attr:`size_unit`."""
        voxel_ml = self.facts[scan].voxel_ml
        return lesion.voxels * voxel_ml if self.size_unit == "ml" and voxel_ml is not None else lesion.voxels

    @cached_property
    def lesions_known(self) -> npt.NDArray[np.bool_]:
        """``[N]``: False for abnormal scans whose lesions nobody has outlined."""
        return np.array([facts.lesions_known for facts in self.facts])

    @cached_property
    def inside(self) -> PatientPixels:
        """The voxels in the regions, of scans whose lesions are known."""
        return self._pixels([facts.inside for facts in self.facts])

    @cached_property
    def everywhere(self) -> PatientPixels:
        """All voxels, likewise."""
        return self._pixels([facts.everywhere for facts in self.facts])

    def _pixels(self, scans: Sequence[sparse.csr_array]) -> PatientPixels:
        counted = [
            scan if known else sparse.csr_array(scan.shape)
            for scan, known in zip(scans, self.lesions_known, strict=True)
        ]
        return PatientPixels(counted, self.patients.of_scan, self.patients.count)

    @cached_property
    def average_precisions(self) -> FloatArray:
        """``[N]``: of the voxels of each scan in its region; NaN without a lesion there."""
        return np.array([facts.agreement.average_precision for facts in self.facts], np.float64)

    def have(self, scans: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Which patients have one of these scans: ``[N] -> [P]``."""
        return self.patients.total(scans) > 0

    @property
    def units(self) -> str:
        """How many patients there are, in words."""
        if self.patients.unknown == 0:
            return f"{self.patients.count} patients"
        if self.patients.unit == "scans":
            return f"{self.patients.count} scans, each as a patient of its own because no patient is known"
        return (
            f"{self.patients.count} patients, {self.patients.unknown} of which are scans of unknown patient, each "
            "counted as a patient of its own"
        )

    @property
    def unknown_lesions_note(self) -> str | None:
        """How many abnormal scans have no mask, and what that means; None if all have one."""
        unknown = int((~self.lesions_known).sum())
        if not unknown:
            return None
        which = "1 abnormal scan has" if unknown == 1 else f"{unknown} abnormal scans have"
        return (
            f"{which} no mask of the lesions: counted among the scans, but no voxel in the figures of voxels, Dice and "
            "lesions."
        )

    @property
    def mask_warning(self) -> str | None:
        """Which masks look inverted, by the numbers of their scans; None if none does."""
        numbers = [str(number) for number, facts in enumerate(self.facts, start=1) if facts.mask_seems_inverted]
        if not numbers:
            return None
        which = f"scan {numbers[0]}" if len(numbers) == 1 else f"{len(numbers)} scans ({', '.join(numbers)})"
        return (
            f"The lesion mask of {which} covers more than half of the region or of the scan. If it is inverted, every "
            "figure is wrong: a mask is 0 where the scan is normal."
        )
