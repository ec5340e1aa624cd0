"""From the maps of a labelled set to metrics: what is kept of each image, whose it is, what thresholds do."""

from monai_sar.evaluation.collected import Collected
from monai_sar.evaluation.evaluation import Evaluation
from monai_sar.evaluation.image_measurement import ImageMeasurement, measure_image
from monai_sar.evaluation.patient_groups import PatientGroups

__all__ = ["Collected", "Evaluation", "ImageMeasurement", "PatientGroups", "measure_image"]
