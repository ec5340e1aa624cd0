"""From the maps of a labelled set to metrics: what is kept of each image, whose it is, what thresholds do."""

from monai_sar.evaluation.collected import Collected
from monai_sar.evaluation.evaluation import Evaluation
from monai_sar.evaluation.image_facts import ImageFacts, measure_image
from monai_sar.evaluation.patients import Patients

__all__ = ["Collected", "Evaluation", "ImageFacts", "Patients", "measure_image"]
