"""Everything that is known of a set when its last image has been mapped."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from monai_sar.calibration.calibration import Calibration
from monai_sar.evaluation.image_measurement import ImageMeasurement
from monai_sar.evaluation.patient_groups import PatientGroups
from monai_sar.evaluation.pixel_counts import BITS, LESION, NORMAL, OVERLAP, PatientPixels
from monai_sar.metrics.lesion_score import Lesion
from monai_sar.metrics.patient_bootstrap import PatientBootstrap
from monai_sar.metrics.ranked_counts import average_precision

__all__ = ["Collected"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Collected:
    """The facts of all images, and whose they are.

    Attributes:
        facts: of N images.
        abnormal: ``[N]``: the class of each image, as its folder says.
        patients: of the images.
        bootstrap: over these patients.
        calibration: of the detector, whose pixel thresholds the facts were measured at; None if it has none.
    """

    facts: Sequence[ImageMeasurement]
    abnormal: npt.NDArray[np.bool_]
    patients: PatientGroups
    bootstrap: PatientBootstrap
    calibration: Calibration | None = None

    @cached_property
    def scores(self) -> FloatArray:
        """Of the images, ``[N]``."""
        return np.array([facts.score for facts in self.facts])

    @cached_property
    def region_pixels(self) -> IntArray:
        """``[N, 2]``: scored pixels, normal ones and those of lesions."""
        return np.stack([facts.region_pixels for facts in self.facts])

    @cached_property
    def lesion_pixels(self) -> IntArray:
        """``[N]``: of the whole masks."""
        return np.array([facts.lesion_pixels for facts in self.facts])

    @cached_property
    def lesions(self) -> list[tuple[int, Lesion]]:
        """Every lesion, with the number of its image."""
        return [(image, lesion) for image, facts in enumerate(self.facts) for lesion in facts.lesions]

    @cached_property
    def inside(self) -> PatientPixels:
        """The pixels in the regions."""
        return PatientPixels([facts.inside for facts in self.facts], self.patients.of_image, self.patients.count)

    @cached_property
    def everywhere(self) -> PatientPixels:
        """All pixels."""
        return PatientPixels([facts.everywhere for facts in self.facts], self.patients.of_image, self.patients.count)

    @cached_property
    def average_precisions(self) -> FloatArray:
        """``[N]``: of the pixels of each image in its region; NaN without a lesion there."""
        return np.array([_average_precision(facts) for facts in self.facts])

    def have(self, images: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Which patients have one of these images: ``[N] -> [P]``."""
        return self.patients.total(images) > 0

    @property
    def units(self) -> str:
        """How many patients there are, in words."""
        if self.patients.unknown == 0:
            return f"{self.patients.count} patients"
        if self.patients.unit == "images":
            return f"{self.patients.count} images, each as a patient of its own because no patient is known"
        return (
            f"{self.patients.count} patients, {self.patients.unknown} of which are images of unknown patient, each "
            "counted as a patient of its own"
        )

    @property
    def lesion_count(self) -> FloatArray:
        """Of each patient, ``[P]``."""
        return self.patients.total([len(facts.lesions) for facts in self.facts])


def _average_precision(facts: ImageMeasurement) -> float:
    bins, counts = facts.inside.indices, facts.inside.data
    kind, level = np.divmod(bins, 2**BITS)
    levels, place = np.unique(level[kind != OVERLAP], return_inverse=True)
    normal, lesion = np.zeros((2, len(levels)))
    scored, amounts = kind[kind != OVERLAP], counts[kind != OVERLAP]
    for total, part in ((normal, scored == NORMAL), (lesion, scored == LESION)):
        total[place[part]] = amounts[part]
    return float(average_precision(normal, lesion))
