"""Active learning: which study a radiologist should look at next."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from monailabel.interfaces.datastore import Datastore
from monailabel.interfaces.tasks.strategy import Strategy

from monai_sar.label.request import UNPROCESSABLE, choose_bundle, refusal, told_to_the_client
from monai_sar.label.served_bundle import ServedBundle
from monai_sar.label.study_scores import StudyScore, open_studies

__all__ = ["MostAnomalous", "MostUncertain"]


class _ByScore(Strategy):
    """Offer the study that comes first by its score, of those that nobody has labelled or marked normal.

    A study without a score comes last: scoring in the background will catch up with it. Option of a request:
    ``model``, by default the first one that is served.
    """

    def __init__(self, description: str, bundles: Mapping[str, ServedBundle]) -> None:
        super().__init__(description)
        self.bundles = bundles

    @abstractmethod
    def rank(self, score: StudyScore) -> tuple[float, ...]:
        """Of scored studies the one with the smallest rank is offered."""

    def __call__(self, request: Mapping[str, Any], datastore: Datastore) -> dict[str, Any] | None:
        """Choose the next study; None if there is none left.

        Raises:
            HTTPException: the scores do not allow for a choice, or there is no such model.
        """
        with told_to_the_client():
            bundle = choose_bundle(request, self.bundles)
            studies = open_studies(datastore, bundle)
        scored = {study: score for study, score in studies.items() if score is not None}
        if not scored:
            return {"id": next(iter(studies)), "model": bundle.name, "score": None} if studies else None
        study = min(scored, key=lambda each: (self.rank(scored[each]), each))
        return {"id": study, "model": bundle.name, **asdict(scored[study])}


class MostAnomalous(_ByScore):
    """The study that is least likely to be normal: the lowest p-value, and of several the highest score.

    Args:
        bundles: what is served.
    """

    def __init__(self, bundles: Mapping[str, ServedBundle]) -> None:
        super().__init__("The highest calibrated anomaly score first", bundles)

    def rank(self, score: StudyScore) -> tuple[float, ...]:
        """Uncalibrated scores can still be compared with each other."""
        assert score.score is not None  # noqa: S101 (such a study cannot be read, and is not offered)
        return (1.0 if score.p_value is None else score.p_value, -score.score)


class MostUncertain(_ByScore):
    """The study whose score lies nearest the one above which a study is flagged: a label there teaches most.

    Args:
        bundles: what is served.
    """

    def __init__(self, bundles: Mapping[str, ServedBundle]) -> None:
        super().__init__("The score nearest to the calibrated threshold first", bundles)

    def rank(self, score: StudyScore) -> tuple[float, ...]:
        """The distance to the threshold.

        Raises:
            HTTPException: the model is not calibrated, so it has none.
        """
        if score.score is None or score.boundary is None:
            raise refusal(
                UNPROCESSABLE,
                "The model is not calibrated, so no score is nearer than another to flagging a study. Calibrate the "
                "checkpoint (monai-sar calibrate BUNDLE DATASET), and score the studies again.",
            )
        return (abs(score.score - score.boundary),)
