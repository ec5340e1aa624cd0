"""One frame of a DICOM file, and what the file says about it.

A single-frame file says it in its header; a multi-frame object (Enhanced MR and CT, OPT) in the frame's own
functional group or in the shared one (Multi-frame Functional Groups Module, PS3.3 C.7.6.16).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monai_sar.scans.dicom_header import DicomFile, numbers
from monai_sar.scans.scan import ScanError, reading

__all__ = ["Frame", "frames_of"]

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Frame:
    """A frame of a file.

    Attributes:
        file: the file.
        index: 0-based number of the frame; 0 in a single-frame file.
    """

    file: DicomFile
    index: int

    @property
    def position(self) -> Numbers | None:
        """``[3]``, centre of the first pixel in LPS millimetres."""
        return self._numbers("PlanePositionSequence", "ImagePositionPatient", 3)

    @property
    def orientation(self) -> Numbers | None:
        """``[6]``, direction of increasing column index, then of increasing row index."""
        return self._numbers("PlaneOrientationSequence", "ImageOrientationPatient", 6)

    @property
    def pixel_spacing(self) -> Numbers | None:
        """``[2]``, between rows, then between columns, in millimetres."""
        return self._numbers("PixelMeasuresSequence", "PixelSpacing", 2)

    @property
    def slice_spacing(self) -> float | None:
        """Spacing Between Slices (0018,0088) in millimetres; some write it negative."""
        return self._length("SpacingBetweenSlices")

    @property
    def slice_thickness(self) -> float | None:
        """Slice Thickness (0018,0050) in millimetres."""
        return self._length("SliceThickness")

    @property
    def malformed(self) -> tuple[str, ...]:
        """Keywords of elements that do not hold what DICOM asks for, and that could be done without."""
        lengths = ("SliceThickness", "SpacingBetweenSlices")
        return (*self.file.malformed, *(keyword for keyword in lengths if self._is_malformed(keyword)))

    @property
    def photograph_line(self) -> Numbers | None:
        """OPT: where the B-scan crosses the reference photograph, (row, column) pairs (PS3.3 C.8.17.10.1)."""
        return self._numbers("OphthalmicFrameLocationSequence", "ReferenceCoordinates", None)

    @property
    def rescale(self) -> tuple[float, float]:
        """Slope and intercept from stored values to modality units; 1 and 0 where the file gives none."""
        slope = self._numbers("PixelValueTransformationSequence", "RescaleSlope", 1)
        intercept = self._numbers("PixelValueTransformationSequence", "RescaleIntercept", 1)
        if slope is not None and slope[0] == 0:
            raise ScanError(f"{self.file.path}: its RescaleSlope is 0, which makes all values equal; mend the header.")
        return 1.0 if slope is None else float(slope[0]), 0.0 if intercept is None else float(intercept[0])

    def _is_malformed(self, keyword: str) -> bool:
        try:
            self._numbers("PixelMeasuresSequence", keyword, 1)
        except ScanError:
            return True
        return False

    def _length(self, keyword: str) -> float | None:
        if self._is_malformed(keyword):
            return None
        value = self._numbers("PixelMeasuresSequence", keyword, 1)
        return (abs(float(value[0])) or None) if value is not None else None

    def _numbers(self, sequence: str, keyword: str, count: int | None) -> Numbers | None:
        own = self.file.header.get("PerFrameFunctionalGroupsSequence") or ()
        shared = self.file.header.get("SharedFunctionalGroupsSequence") or ()
        with reading(self.file.path, "DICOM"):  # sequences are parsed when they are looked into
            for group in (*own[self.index : self.index + 1], *shared[:1]):
                items = group.get(sequence)
                if items and keyword in items[0]:
                    return numbers(items[0], keyword, count, self.file.path)
        return numbers(self.file.header, keyword, count, self.file.path)


def frames_of(file: DicomFile) -> list[Frame]:
    """Return the frames of a file.

    Raises:
        ScanError: if it has per-frame functional groups, but not one for every frame; or none, and one position for
            several frames.
    """
    own = file.header.get("PerFrameFunctionalGroupsSequence")
    if own is not None and len(own) != file.frames:
        raise ScanError(
            f"{file.path}: has {file.frames} frames but {len(own)} per-frame functional groups, expected one "
            "each; export the file again."
        )
    if own is None and file.frames > 1 and "ImagePositionPatient" in file.header:
        raise ScanError(
            f"{file.path}: has {file.frames} frames but no functional groups, so one position stands for all of them "
            "and nobody knows where the others lie; export it as Enhanced DICOM or as single slices."
        )
    return [Frame(file, index) for index in range(file.frames)]
