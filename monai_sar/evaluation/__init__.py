"""From the maps of a labelled set to metrics: what is kept of each image, whose it is, what thresholds do."""

from monai_sar.evaluation.collected import Collected
from monai_sar.evaluation.evaluation import Evaluation
from monai_sar.evaluation.patient_groups import PatientGroups
from monai_sar.evaluation.scan_measurement import ScanMeasurement, measure_scan

__all__ = ["Collected", "Evaluation", "PatientGroups", "ScanMeasurement", "measure_scan"]
