"""Whose images they are, by numbers that name nobody."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from monai_sar.datasets.patients import patients_of

__all__ = ["PatientGroups"]


@dataclass(frozen=True, eq=False)
class PatientGroups:
    """The patients of a list of images; an image of unknown patient counts as a patient of its own.

    Attributes:
        of_image: ``[N]``: the number of the patient of each image, from 0.
        unknown: how many images are of unknown patient.
    """

    of_image: npt.NDArray[np.int64]
    unknown: int

    @classmethod
    def find(cls, root: str | os.PathLike[str], images: Sequence[str]) -> "PatientGroups":
        """Number the patients by their first image.

        Args:
            root: the folder of the data set.
            images: files below it.

        Raises:
            DatasetError: the data set's manifest cannot be used.
        """
        paths = [Path(image) for image in images]
        named = patients_of(Path(root).expanduser(), paths)
        number: dict[str | Path, int] = {}
        # a path is no name, so an image of unknown patient meets no other
        of_image = [number.setdefault(named[path] or path, len(number)) for path in paths]
        return cls(np.array(of_image), sum(named[path] is None for path in paths))

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.of_image.max()) + 1

    @property
    def unit(self) -> str:
        """What is resampled: "patients", or "images" where no patient is known."""
        return "images" if self.unknown == len(self.of_image) else "patients"

    def total(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Add up a number of each image ``[N]`` for each patient: ``[P]``."""
        sums: npt.NDArray[np.float64] = np.bincount(
            self.of_image, weights=np.asarray(values, np.float64), minlength=self.count
        ).astype(np.float64, copy=False)
        return sums
