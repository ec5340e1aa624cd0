"""What is prepared: a case, which is one labelled scan of one patient, and the slices that come of it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monai_sar.datasets.bmad_layouts import Split

__all__ = ["Case", "LabelledSlice"]


@dataclass(frozen=True)
class Case:
    """One scan with its outline of organs or lesions.

    Attributes:
        name: the start of the names of its slices; no other case has it.
        patient: the same for all scans of a patient, who is in one split only.
        split: that split.
        root: the folder of the raw data set.
        image: the scan below it: a file, or a folder of images.
        label: the outline likewise.
    """

    name: str
    patient: str
    split: Split
    root: Path
    image: Path
    label: Path


@dataclass(frozen=True, eq=False)
class LabelledSlice:
    """One slice as it will be stored.

    Attributes:
        pixels: grey values ``[rows, columns]``, uint8 or uint16; or RGBA ``[rows, columns, 4]``, uint8.
        lesion: ``[rows, columns]``, True in the lesion.
        number: for the file name.
        source: the file it was read from.
        index: its position along the slices of the source's own array, from 0.
        sha256: of the source.
    """

    pixels: NDArray[np.uint8] | NDArray[np.uint16]
    lesion: NDArray[np.bool_]
    number: int
    source: Path
    index: int
    sha256: str
