"""The anomaly map as a DICOM Parametric Map (PS3.3 A.75)."""

import os
from collections.abc import Sequence

import highdicom as hd
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from monai_sar._atomic import atomic_path
from monai_sar.results.dicom_source import DicomSource
from monai_sar.results.display_range import display_range

__all__ = ["write_parametric_map"]


def write_parametric_map(
    path: str | os.PathLike[str],
    anomaly_map: npt.NDArray[np.float32],
    source_images: Sequence[Dataset],
    *,
    frame_numbers: Sequence[int] | None = None,
    threshold: float | None = None,
) -> None:
    """Write the scores as 32-bit floating point frames in the scan's frame of reference.

    The object is a new series of the scan's own study, for its own patient: a PACS files it beside the scan.
    Every frame refers to the slice that it was computed from. The display window is that of the overlay (see
    `display_range`).

    Args:
        path: the file; replaced if it exists.
        anomaly_map: scores `[X, Y, Z]` (columns, rows, slices), float32, finite, no unit.
        source_images: the scan's instances in the order of Z; pixel data are not needed. Or one multi-frame
            instance.
        frame_numbers: for a multi-frame instance, its frames (from 1) in the order of Z; by default all.
        threshold: the score above which a voxel is flagged; it sets the display window.

    Raises:
        ValueError: map and source images do not fit, scores are not finite, or the source images do not say
            where they lie.
    """
    if not np.isfinite(anomaly_map).all():
        raise ValueError("The anomaly map holds NaN or infinite scores. Check the scan and the model.")
    source = DicomSource(source_images, frame_numbers=frame_numbers)
    frames = source.frames(anomaly_map).astype(np.float32, copy=False)
    low, high = display_range(frames, threshold=threshold)
    parametric_map = hd.pm.ParametricMap(
        source.images,
        frames,
        **source.series(1, "Anomaly map, research use only"),
        content_label="ANOMALY_MAP",
        content_description="Anomaly map, for research use, not for diagnosis",
        content_qualification=hd.ContentQualificationValues.RESEARCH,
        # scores of patches of many pixels show no face
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[
            hd.pm.RealWorldValueMapping(
                lut_label="ANOMALY_SCORE",
                lut_explanation="Anomaly score, higher is less normal",
                unit=codes.UCUM.NoUnits,
                value_range=(float(frames.min()), float(frames.max())),
                slope=1.0,
                intercept=0.0,
            )
        ],
        voi_lut_transformations=[
            # the standard's LINEAR function forbids a width below 1
            hd.VOILUTTransformation(
                window_center=_decimal((low + high) / 2),
                window_width=_decimal(high - low),
                voi_lut_function=hd.VOILUTFunctionValues.LINEAR_EXACT,
            )
        ],
    )
    source.complete(parametric_map)
    if "BodyPartExamined" not in parametric_map and "ImageLaterality" not in parametric_map:
        # required, and empty where the side is unknown (type 2C, PS3.3 C.7.3.1)
        parametric_map.Laterality = None
    with atomic_path(path) as temporary:
        parametric_map.save_as(temporary)


def _decimal(value: float) -> float:
    """A number that fits in the 16 characters of a decimal string."""
    return float(f"{value:.6g}")
