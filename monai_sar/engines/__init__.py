"""What MONAI's engines and handlers do not have."""

from monai_sar.engines.batch_of_one import batch_of_one
from monai_sar.engines.calibrate_checkpoint import calibrate_checkpoint
from monai_sar.engines.calibrate_detector import calibrate_detector
from monai_sar.engines.calibration_scans import tell_promise
from monai_sar.engines.engine_progress import EngineProgress
from monai_sar.engines.epoch_seed import EpochSeed
from monai_sar.engines.evaluation_files import EvaluationFiles
from monai_sar.engines.fit_witnesses import fit_witnesses
from monai_sar.engines.images_digest import images_digest
from monai_sar.engines.loss_curve import write_loss_curve
from monai_sar.engines.prepare_features import PrepareFeatures
from monai_sar.engines.processes import join_processes, process_device, share_of_batch
from monai_sar.engines.resumable_early_stop import ResumableEarlyStop
from monai_sar.engines.resumable_training import ResumableTraining
from monai_sar.engines.run_folder import ResumeError, RunFolder
from monai_sar.engines.scan_embedding import ScanEmbedding
from monai_sar.engines.training_curve import TrainingCurve
from monai_sar.engines.training_log import TrainingLog

__all__ = [
    "EngineProgress",
    "EpochSeed",
    "EvaluationFiles",
    "PrepareFeatures",
    "ResumableEarlyStop",
    "ResumableTraining",
    "ResumeError",
    "RunFolder",
    "ScanEmbedding",
    "TrainingCurve",
    "TrainingLog",
    "batch_of_one",
    "calibrate_checkpoint",
    "calibrate_detector",
    "fit_witnesses",
    "images_digest",
    "join_processes",
    "process_device",
    "share_of_batch",
    "tell_promise",
    "write_loss_curve",
]
