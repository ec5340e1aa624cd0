"""What is flagged as a DICOM Segmentation (PS3.3 A.51)."""

import os
from collections.abc import Sequence

import highdicom as hd
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from monai_sar._atomic import atomic_path
from monai_sar._versions import __version__
from monai_sar.results.dicom_source import DicomSource
from monai_sar.results.palette import FLAGGED

__all__ = ["write_segmentation"]


def write_segmentation(
    path: str | os.PathLike[str],
    mask: npt.NDArray[np.bool_],
    source_images: Sequence[Dataset],
    *,
    frame_numbers: Sequence[int] | None = None,
) -> None:
    """Write the mask as one binary segment in the scan's frame of reference.

    The object is a new series of the scan's own study, for its own patient: a PACS files it beside the scan.
    It has a frame for every slice, empty ones too, so its grid is always that of the scan, and a mask with
    nothing in it gives a valid object too. The segment is coded as a selected region, not as a lesion: that
    is for a radiologist to say.

    Args:
        path: the file; replaced if it exists.
        mask: `[X, Y, Z]` (columns, rows, slices), bool.
        source_images: the scan's instances in the order of Z; pixel data are not needed. Or one multi-frame
            instance.
        frame_numbers: for a multi-frame instance, its frames (from 1) in the order of Z; by default all.

    Raises:
        ValueError: mask and source images do not fit, or the source images do not say where they lie.
        TypeError: the mask is not boolean.
    """
    if mask.dtype != np.bool_:
        raise TypeError(f"The mask holds {mask.dtype}. Expected bool: compare the scores with a threshold first.")
    source = DicomSource(source_images, frame_numbers=frame_numbers)
    segment = hd.seg.SegmentDescription(
        segment_number=1,
        segment_label="Anomaly (research)",
        segmented_property_category=codes.SCT.SpatialAndRelationalConcept,
        segmented_property_type=codes.DCM.SelectedRegion,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name="MONAI-SAR", version=__version__, family=codes.DCM.ArtificialIntelligence
        ),
        display_color=hd.color.CIELabColor.from_string(FLAGGED),
    )
    segmentation = hd.seg.Segmentation(
        source.images,
        source.frames(mask),
        **source.series(2, "Anomaly segmentation, research use only"),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[segment],
        content_label="ANOMALY",
        content_description="Flagged regions, for research use, not for diagnosis",
        omit_empty_frames=False,
    )
    source.complete(segmentation)
    with atomic_path(path) as temporary:
        segmentation.save_as(temporary)
