"""What comes out of a scan: the result, pictures for people, NIfTI and DICOM for viewers and PACS."""

from monai_sar.results.anomaly_result import AnomalyResult, Display
from monai_sar.results.dicom_parametric_map import write_parametric_map
from monai_sar.results.dicom_segmentation import write_segmentation
from monai_sar.results.overlay import write_overlay
from monai_sar.results.provenance import Provenance
from monai_sar.results.save_result import SaveResultd
from monai_sar.results.write_nifti import write_nifti
from monai_sar.results.write_result import write_result

__all__ = [
    "AnomalyResult",
    "Display",
    "Provenance",
    "SaveResultd",
    "write_nifti",
    "write_overlay",
    "write_parametric_map",
    "write_result",
    "write_segmentation",
]
