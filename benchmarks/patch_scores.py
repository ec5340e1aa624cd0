"""What methods say of the patches of a fold, before anything is put together, smoothed or upsampled."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from monai.data import DataLoader
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmarks.encoded_fold import EncodedFold
from benchmarks.kept import Kept
from benchmarks.rivals import Rival
from benchmarks.trained_bundle import BundleTraining
from monai_sar._atomic import atomic_path
from monai_sar.features import FeatureDataset

__all__ = ["Method", "NormalPatches", "Ours", "PatchScores", "RivalMethod", "score_patches"]

FORMAT = 1
"""To be raised when the same fold, method and settings give other scores than before."""

INSIDE = 0.5
"""Share of a normal patch that lies in the region, from which it counts, as in ``monai_sar.engines.fit_witnesses``."""

SLICES_AT_A_TIME = 8

Score = Callable[[Tensor], Tensor]
"""Embeddings ``[B, C, h, w]`` to scores ``[B, 1, h, w]``, high is anomalous."""


class NormalPatches(NamedTuple):
    """Scores and mean intensities of normal patches, ``[N]`` each."""

    scores: Tensor
    intensities: Tensor


class PatchScores(NamedTuple):
    """What a method says of a fold.

    Attributes:
        train: of the patches that it learnt from.
        valid: of those that the bundle validates on.
        volumes: ``[S, 1, h, w]`` each: of the slices that show something.
    """

    train: NormalPatches
    valid: NormalPatches
    volumes: list[Tensor]


class Method(ABC):
    """A method that has yet to learn.

    Attributes:
        depends_on: what its scores depend on besides the fold; JSON-able.
    """

    depends_on: dict[str, Any]

    @abstractmethod
    def learn(self, fold: EncodedFold) -> Score:
        """Learn from the normal slices of a fold."""


class RivalMethod(Method):
    """Another detector on the same embeddings."""

    def __init__(self, rival: Rival) -> None:
        self._rival = rival
        self.depends_on = {"rival": rival.name, **vars(rival)}

    def learn(self, fold: EncodedFold) -> Score:
        """From all patches of the training slices."""
        self._rival.fit(torch.stack([grid["features"].half() for grid in fold.train]))
        return self._rival.score


class Ours(Method):
    """The bundle's own training, of which the error of the prediction counts."""

    def __init__(self, bundle: str, work: Path, settings: Mapping[str, Any]) -> None:
        self._training = BundleTraining(bundle, work, settings)
        self.depends_on = {"training": self._training.depends_on}

    def learn(self, fold: EncodedFold) -> Score:
        """In a process of its own; the fold is the one that the settings name."""
        return self._training.run().detector.error


def score_patches(fold: EncodedFold, method: Method, work: Path) -> PatchScores:
    """Learn and score, unless it is done; what is done is kept in ``work/patch_scores``."""
    kept = Kept(work / "patch_scores", {"format": FORMAT, "fold": fold.depends_on, "method": method.depends_on})
    file = kept.folder / "scores.safetensors"

    def learn_and_score() -> dict[str, float]:
        start = time.process_time()
        tensors = _score(fold, method.learn(fold))
        with atomic_path(file) as partial:
            save_file(tensors, partial)
        return {"cpu_seconds": time.process_time() - start}

    kept.result(learn_and_score)
    return _from_tensors(load_file(file))


@torch.no_grad()
def _score(fold: EncodedFold, score: Score) -> dict[str, Tensor]:
    tensors = {}
    for name, slices in (("train", fold.train), ("valid", fold.valid)):
        inside = torch.stack([each["region"] for each in slices]) >= INSIDE
        tensors[f"{name}.scores"] = _grids(score, slices)[inside]
        tensors[f"{name}.intensities"] = torch.stack([each["intensity"] for each in slices])[inside]
    return tensors | {f"volume.{number:04}": _grids(score, slices) for number, slices in enumerate(fold.volumes)}


def _grids(score: Score, slices: FeatureDataset) -> Tensor:
    """Scores of slices, a few at a time: ``[S, 1, h, w]``, float32."""
    batches = DataLoader(slices, batch_size=SLICES_AT_A_TIME)
    return torch.cat([score(batch["features"]).float() for batch in batches])


def _from_tensors(tensors: Mapping[str, Tensor]) -> PatchScores:
    train, valid = (
        NormalPatches(tensors[f"{name}.scores"], tensors[f"{name}.intensities"]) for name in ("train", "valid")
    )
    return PatchScores(train, valid, [tensors[name] for name in sorted(tensors) if name.startswith("volume.")])
