"""The app: what MONAI Label's server offers."""

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monailabel.config import settings
from monailabel.interfaces.app import MONAILabelApp
from monailabel.interfaces.datastore import Datastore
from monailabel.interfaces.tasks.infer_v2 import InferTask
from monailabel.interfaces.tasks.scoring import ScoringMethod
from monailabel.interfaces.tasks.strategy import Strategy
from monailabel.interfaces.tasks.train import TrainTask

from monai_sar._versions import __version__
from monai_sar.label.app_settings import read_conf
from monai_sar.label.clean_shutdown import stop_tasks_with_the_server
from monai_sar.label.dicom_web_studies import connect
from monai_sar.label.infer_task import STUDY_ID, AnomalyInferTask
from monai_sar.label.request import NOT_FOUND, refusal
from monai_sar.label.scoring_method import AnomalyScoring
from monai_sar.label.served_bundle import ServedBundle
from monai_sar.label.strategies import MostAnomalous, MostUncertain
from monai_sar.label.train_task import NormalTrainTask

__all__ = ["AnomalyLabelApp"]


class AnomalyLabelApp(MONAILabelApp):
    """Serve bundles to viewers.

    Args:
        app_dir: folder of the app. The server's logs go there, and the checkpoints that it trains (``model/``).
        studies: folder of NIfTI files, or address of a DICOMweb server.
        conf: see :func:`monai_sar.label.app_settings.read_conf`.

    Raises:
        BundleError: a bundle that is to be served is not there.
    """

    def __init__(self, app_dir: str, studies: str, conf: Mapping[str, str]) -> None:
        _log_no_identifiers()
        # dcmqi's programs lie beside the interpreter, where they are found only if its environment is active
        os.environ["PATH"] = os.pathsep.join((os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)))
        self.bundles = {
            settings.name: ServedBundle(settings, Path(app_dir, "model", settings.name)) for settings in read_conf(conf)
        }
        super().__init__(
            app_dir=app_dir,
            studies=studies,
            conf=dict(conf),
            name=f"MONAI-SAR {__version__}",
            description="Anomaly maps of scans, after training on normal scans alone. Research use only",
            version=__version__,
        )

    def init_remote_datastore(self) -> Datastore:
        """Studies at an address; nothing is downloaded but studies."""
        return connect(self.studies) if settings.MONAI_LABEL_DATASTORE == "" else super().init_remote_datastore()

    def init_infers(self) -> dict[str, InferTask]:
        """One model for each bundle."""
        return {name: AnomalyInferTask(bundle, self.datastore) for name, bundle in self.bundles.items()}

    def init_trainers(self) -> dict[str, TrainTask]:
        """One training for each bundle."""
        return {name: NormalTrainTask(bundle) for name, bundle in self.bundles.items()}

    def init_strategies(self) -> dict[str, Strategy]:
        """What to look at next."""
        return {"most_anomalous": MostAnomalous(self.bundles), "most_uncertain": MostUncertain(self.bundles)}

    def init_scoring_methods(self) -> dict[str, ScoringMethod]:
        """What the strategies go by."""
        return {"anomaly_score": AnomalyScoring(self.bundles)}

    def on_init_complete(self) -> None:
        """The server is about to listen."""
        super().on_init_complete()
        stop_tasks_with_the_server()

    def infer(self, request: Mapping[str, Any], datastore: Datastore | None = None) -> dict[str, Any]:
        """Predict a study of the datastore, or a file.

        Raises:
            HTTPException: there is no such model or study, or the study cannot be predicted.
        """
        if request.get("model") not in self._infers:
            raise refusal(
                NOT_FOUND, f"There is no model {request.get('model')!r}; there are: {', '.join(self._infers)}."
            )
        image = request.get("image", "")
        study = {} if os.path.exists(image) else {STUDY_ID: image}  # noqa: PTH110 (as MONAI Label tells the two apart)
        answer: dict[str, Any] = super().infer({**request, **study}, datastore)
        return answer


def _log_no_identifiers() -> None:
    # below a warning, MONAI Label logs requests, and the identifiers of patients that come with DICOM
    logging.getLogger("monailabel").setLevel(logging.WARNING)
