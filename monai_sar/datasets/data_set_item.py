"""One scan of a data set and what is known of it."""

from typing import Literal, NotRequired, TypedDict

from monai_sar.datasets.bmad_layouts import Split

__all__ = ["DataSetItem"]


class DataSetItem(TypedDict):
    """One scan of a data set, for MONAI's ``Dataset``.

    Attributes:
        image: path of the scan: a NIfTI, DICOM or image file, or the folder of a DICOM series.
        label: path of the mask of its lesions, which may be empty; absent where there is none.
        region: path of the mask of the region to score; absent where there is none.
        patient: whose scan it is: the same text for all scans of a patient; None where unknown.
        abnormal: 1 if the scan shows a lesion, else 0.
        split: "train", "valid" or "test".
    """

    image: str
    label: NotRequired[str]
    region: NotRequired[str]
    patient: str | None
    abnormal: Literal[0, 1]
    split: Split
