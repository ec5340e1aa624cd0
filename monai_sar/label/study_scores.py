"""The scores of studies, as the datastore keeps them with each image."""

from dataclasses import asdict, dataclass
from typing import Any

from monailabel.interfaces.datastore import Datastore

from monai_sar.label.normal_studies import marked_normal
from monai_sar.label.served_bundle import ServedBundle
from monai_sar.results.provenance import checkpoint_sha256

__all__ = ["SCORES", "StudyScore", "keep_score", "open_studies"]

SCORES = "monai_sar"
"""Under this key of an image's info: name of a model -> :class:`StudyScore` as JSON."""


@dataclass(frozen=True)
class StudyScore:
    """What a model says of one study.

    Attributes:
        score: of the whole study; None if it could not be predicted.
        p_value: how probable so high a score is for a normal patient; None until the model is calibrated.
        boundary: the score above which a study is flagged; None likewise.
        checkpoint_sha256: of the checkpoint that said so.
        error: why it could not be predicted.
    """

    score: float | None
    p_value: float | None
    boundary: float | None
    checkpoint_sha256: str
    error: str | None = None


def keep_score(datastore: Datastore, study: str, bundle: ServedBundle, score: StudyScore) -> None:
    """Write a score into the datastore, beside those of other models."""
    datastore.refresh()  # the server, or a viewer through it, may have written meanwhile
    others = datastore.get_image_info(study).get(SCORES, {})
    datastore.update_image_info(study, {SCORES: {**others, bundle.name: asdict(score)}})


def read_score(datastore: Datastore, study: str, bundle: ServedBundle, digest: str) -> StudyScore | None:
    """Read the score of a study; None if this checkpoint of the model has not given one."""
    saved: dict[str, Any] | None = datastore.get_image_info(study).get(SCORES, {}).get(bundle.name)
    return StudyScore(**saved) if saved is not None and saved["checkpoint_sha256"] == digest else None


def open_studies(datastore: Datastore, bundle: ServedBundle) -> dict[str, StudyScore | None]:
    """The studies that nobody has labelled or marked normal, with their scores; without those that cannot be read."""
    digest = checkpoint_sha256(bundle.require_checkpoint())
    scores = {
        study: read_score(datastore, study, bundle, digest)
        for study in sorted(datastore.get_unlabeled_images())
        if not marked_normal(datastore, study)
    }
    return {study: score for study, score in scores.items() if score is None or score.error is None}
