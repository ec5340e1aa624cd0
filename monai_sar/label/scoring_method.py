"""Scoring: let a model look at every study, and keep what it says."""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import HTTPException
from monailabel.interfaces.datastore import Datastore
from monailabel.interfaces.tasks.scoring import ScoringMethod

from monai_sar._progress import progress_bar
from monai_sar._root_cause import reason
from monai_sar.calibration import Calibration
from monai_sar.calibration.calibration import DEFAULT_FLAG_RATE
from monai_sar.label.request import choose_bundle, told_to_the_client
from monai_sar.label.served_bundle import ServedBundle
from monai_sar.label.study_scan import scan_of
from monai_sar.label.study_scores import StudyScore, keep_score, read_score
from monai_sar.results.provenance import checkpoint_sha256

__all__ = ["AnomalyScoring"]

_logger = logging.getLogger(__name__)


class AnomalyScoring(ScoringMethod):
    """Score the studies that the model's present checkpoint has not scored yet.

    Option of a request: ``model``, by default the first one that is served.

    Args:
        bundles: what is served.
    """

    def __init__(self, bundles: Mapping[str, ServedBundle]) -> None:
        super().__init__("Anomaly score and p-value of every study")
        self.bundles = bundles

    def __call__(self, request: Mapping[str, Any], datastore: Datastore) -> dict[str, Any]:
        """Score studies one by one; each score is kept at once, so a scoring that is stopped goes on later.

        Returns:
            How many studies were scored, how many were scored before, and how many cannot be predicted.
        """
        with told_to_the_client():
            bundle = choose_bundle(request, self.bundles)
            bundle.predictor()  # an error here is one of the model, not of a study
            digest = checkpoint_sha256(bundle.checkpoint)
            studies = datastore.list_images()
            unscored = [study for study in studies if read_score(datastore, study, bundle, digest) is None]
            failed = 0
            for study in progress_bar(unscored, task="Scoring studies", unit="study"):
                score = _score(bundle, study, datastore, digest)
                failed += score.error is not None
                keep_score(datastore, study, bundle, score)
        before = len(studies) - len(unscored)
        return {"model": bundle.name, "scored": len(unscored) - failed, "before": before, "failed": failed}


def _score(bundle: ServedBundle, study: str, datastore: Datastore, digest: str) -> StudyScore:
    try:
        result = bundle.score(scan_of(datastore, study))
    except (HTTPException, ValueError, OSError) as error:
        _logger.warning("A study cannot be predicted; its info in the datastore says why")
        told = error.detail if isinstance(error, HTTPException) else reason(error)
        return StudyScore(None, None, None, digest, error=told)
    return StudyScore(result.score, result.p_value, _boundary(result.calibration), digest)


def _boundary(calibration: Calibration | None) -> float | None:
    """The score above which a study is flagged, at a rate of 5 % or at the lowest one that there are patients for."""
    if calibration is None:
        return None
    if not calibration.scan_scores:
        return None
    if DEFAULT_FLAG_RATE in calibration.scan_rates:
        return calibration.scan_thresholds[calibration.scan_rates.index(DEFAULT_FLAG_RATE)]
    return calibration.scan_scores[-1][-1]
