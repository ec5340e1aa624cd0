"""Methods on the held-out volumes of folds: learn, score, rank voxels."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, NamedTuple

from torch import Tensor
from tqdm import tqdm

from benchmarks.encoded_fold import EncodedFold
from benchmarks.labelled_volumes import LabelledVolume, load_labelled_volume
from benchmarks.patch_scores import Method, Ours, PatchScores, RivalMethod, score_patches
from benchmarks.patient_folds import Fold
from benchmarks.rivals import DPMM, AnomalyDINO, PatchCore, Rival
from benchmarks.rivals.sampled_anomaly_dino import SampledAnomalyDINO
from benchmarks.rivals.single_gaussian import SingleGaussian
from benchmarks.trained_bundle import PUBLISHED
from benchmarks.volume_figures import Figures, VoxelRanking
from benchmarks.volume_rows import AS_PUBLISHED, OURS, PatchMap, Row, of_patches, of_pixels, rows_of

__all__ = ["CANDIDATES", "Comparison", "Measured", "patchcore_share"]

CANDIDATES = 80_000
"""Patches among which PatchCore chooses."""


def patchcore_share(bank: int) -> float:
    """Which share of its candidates PatchCore keeps: a tenth, or what the bank holds."""
    return min(0.1, bank / CANDIDATES)


RIVALS: dict[str, Callable[[int, int], Rival]] = {
    AnomalyDINO.name: lambda bank, seed: SampledAnomalyDINO(rows=bank, seed=seed),
    PatchCore.name: lambda bank, seed: PatchCore(candidates=CANDIDATES, kept=patchcore_share(bank), seed=seed),
    DPMM.name: lambda bank, seed: DPMM(seed=seed),
    SingleGaussian.name: lambda bank, seed: SingleGaussian(),
}
"""By the size of the bank and the seed."""


class Measured(NamedTuple):
    """What was measured.

    Attributes:
        figures: of each row.
        patients: how many.
        voxels: in the regions of their volumes.
        of_lesions: how many of these.
    """

    figures: dict[str, Figures]
    patients: int
    voxels: int
    of_lesions: int


@dataclass(frozen=True)
class Comparison:
    """What is compared, and with which settings.

    Attributes:
        bundle: its folder.
        settings: of its training config, without the data set.
        work: embeddings, checkpoints and scores are kept there.
        only: rows to measure beside ours; None for all.
        bank: patches that a nearest-neighbour rival keeps at most.
        usual: the normal slices that tell second witnesses what is usual.
        seed: of the rivals.
    """

    bundle: str
    settings: Mapping[str, Any]
    work: Path
    only: Sequence[str] | None = None
    bank: int = 20_000
    usual: Literal["train", "valid"] = "train"
    seed: int = 0

    def measure(self, folds: Sequence[Fold]) -> Measured:
        """Rank the voxels of all volumes that are held out.

        Raises:
            ValueError: a row is unknown.
            RuntimeError: a training failed.
        """
        rankings: dict[str, VoxelRanking] = defaultdict(VoxelRanking)
        for fold in tqdm(folds, unit="fold", leave=False):
            settings = {**self.settings, "dataset_dir": str(fold.write_datalist(self.work / "folds"))}
            self._rank(EncodedFold(fold, self.bundle, settings), settings, rankings)
        figures = {name: ranking.compute() for name, ranking in rankings.items()}
        normal, of_lesions = rankings[OURS].voxels
        return Measured(figures, len(figures[OURS].auroc), normal + of_lesions, of_lesions)

    def _rank(self, fold: EncodedFold, settings: Mapping[str, Any], rankings: dict[str, VoxelRanking]) -> None:
        rows = self._wanted(rows_of(fold.detector, RIVALS.keys()))
        methods = {row.method for row in rows.values()} & {*RIVALS, OURS, AS_PUBLISHED}
        scores = {name: score_patches(fold, self._method(name, settings), self.work) for name in sorted(methods)}
        normal = {name: getattr(found, self.usual) for name, found in scores.items()}
        makers = {name: PatchMap(row, normal.get(row.method), fold.detector) for name, row in rows.items()}
        # patient by patient, because each has figures of its own
        by_patient = sorted(enumerate(fold.held), key=lambda numbered: str(numbered[1]["patient"]))
        for _, of_patient in groupby(by_patient, key=lambda numbered: numbered[1]["patient"]):
            for number, item in of_patient:
                volume = load_labelled_volume(item, fold.preprocessing, fold.detector)
                lesion = volume.lesion[volume.region]
                for name, row in rows.items():
                    rankings[name].update(_map(row, makers[name], scores, number, volume)[volume.region], lesion)
            for name in rows:
                rankings[name].end_patient()

    def _wanted(self, rows: dict[str, Row]) -> dict[str, Row]:
        names = rows.keys() if self.only is None else {*self.only, OURS}
        if unknown := names - rows.keys():
            raise ValueError(f"Found the rows {', '.join(sorted(unknown))}; expected some of {', '.join(rows)}.")
        return {name: row for name, row in rows.items() if name in names}

    def _method(self, name: str, settings: Mapping[str, Any]) -> Method:
        if name == OURS:
            return Ours(self.bundle, self.work, settings)
        if name == AS_PUBLISHED:
            return Ours(self.bundle, self.work, {**settings, **PUBLISHED})
        return RivalMethod(RIVALS[name](self.bank, self.seed))


def _map(row: Row, make: PatchMap, scores: Mapping[str, PatchScores], number: int, volume: LabelledVolume) -> Tensor:
    """The map of a volume ``[H, W, D]``, by its number in the fold."""
    if row.pixels:
        return of_pixels(row.method, volume)
    patches = scores[row.method].volumes[number] if row.method in scores else of_patches(row.method, volume)
    return make(patches, volume)
