"""What is written: pictures for people, NIfTI and DICOM for viewers and PACS."""

from monai_sar.writers.dicom_parametric_map import write_parametric_map
from monai_sar.writers.dicom_segmentation import write_segmentation
from monai_sar.writers.loss_curve import write_loss_curve
from monai_sar.writers.nifti import write_nifti
from monai_sar.writers.overlay import write_overlay
from monai_sar.writers.result import write_result
from monai_sar.writers.save_result import SaveResultd

__all__ = [
    "SaveResultd",
    "write_loss_curve",
    "write_nifti",
    "write_overlay",
    "write_parametric_map",
    "write_result",
    "write_segmentation",
]
