"""The app: what MONAI Label's server offers."""

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monailabel.config import settings
from monailabel.interfaces.app import MONAILabelApp
from monailabel.interfaces.datastore import Datastore, DefaultLabelTag
from monailabel.interfaces.tasks.infer_v2 import InferTask
from monailabel.interfaces.tasks.scoring import ScoringMethod
from monailabel.interfaces.tasks.strategy import Strategy
from monailabel.interfaces.tasks.train import TrainTask

from monai_sar._versions import __version__
from monai_sar.label.app_settings import read_conf
from monai_sar.label.clean_shutdown import stop_tasks_with_the_server
from monai_sar.label.infer_task import STUDY_ID, AnomalyInferTask
from monai_sar.label.named_studies import NamedDicomWebStudies, NamedFolderStudies
from monai_sar.label.names import NamedSessions, received_file, require_name
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

    def init_datastore(self) -> Datastore:
        """Studies in a folder, or at an address."""
        if self.studies.startswith(("http://", "https://")):
            return super().init_datastore()
        return NamedFolderStudies(
            self.studies,
            extensions=settings.MONAI_LABEL_DATASTORE_FILE_EXT,
            auto_reload=settings.MONAI_LABEL_DATASTORE_AUTO_RELOAD,
            read_only=settings.MONAI_LABEL_DATASTORE_READ_ONLY,
        )

    def init_remote_datastore(self) -> Datastore:
        """Studies at an address; nothing is downloaded but studies."""
        if settings.MONAI_LABEL_DATASTORE:
            return super().init_remote_datastore()
        return NamedDicomWebStudies(self.studies)

    def _load_sessions(self, load: bool = False) -> NamedSessions | None:
        return NamedSessions(settings.MONAI_LABEL_SESSION_PATH, settings.MONAI_LABEL_SESSION_EXPIRY) if load else None

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
        """Predict a study of the datastore, or a file that came with the request or its session.

        Raises:
            HTTPException: there is no such model or study, a name is a path, or the study cannot be predicted.
        """
        if request.get("model") not in self._infers:
            raise refusal(
                NOT_FOUND, f"There is no model {request.get('model')!r}; there are: {', '.join(self._infers)}."
            )
        require_name("tag", request.get("label_tag", DefaultLabelTag.ORIGINAL))
        image = request.get("image", "")
        study = {}
        if not (isinstance(image, str) and received_file(image, self._sessions)):
            require_name("study", image)
            study = {STUDY_ID: image}
        answer: dict[str, Any] = super().infer({**request, **study}, datastore)
        return answer

    def infer_wsi(self, request: Mapping[str, Any], datastore: Datastore | None = None) -> dict[str, Any]:
        """Whole slides of pathology are not what our models map.

        Raises:
            HTTPException: always.
        """
        raise refusal(NOT_FOUND, "Whole slides are not served: POST /infer/MODEL?image=STUDY maps a scan.")


def _log_no_identifiers() -> None:
    # below a warning, MONAI Label logs requests, and the identifiers of patients that come with DICOM
    logging.getLogger("monailabel").setLevel(logging.WARNING)
