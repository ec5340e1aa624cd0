"""Whether our PatchCore and AnomalyDINO give what anomalib's give on the same embeddings.

anomalib has an environment of its own, beside the project's, with the same torch:

    python3 -m venv anomalib-env
    anomalib-env/bin/pip install --constraint constraints.txt torch==2.13.0 torchvision==0.28.0 anomalib==2.7.0 \
        typer
    anomalib-env/bin/python -m benchmarks.check_rivals_against_anomalib

The embeddings are random, in clusters. Each part is given the same input in both: the same coreset, the same first row
of it, the same upsampled map. anomalib upsamples to the nearest patch where the papers do bilinearly, and mirrors a map
at its border without repeating the last pixel, so only the Gaussian is compared, and away from the border. Ends with 1
where anything differs by more than 1e-4.
"""

import sys

import torch
import torch.nn.functional as F
import typer
from torch import Tensor, nn

# First, because anomalib imports torchvision, whose operators may not load beside this torch
import monai_sar._torchvision  # noqa: F401

# isort: split
from anomalib.models.components import KCenterGreedy
from anomalib.models.image.anomaly_dino.torch_model import AnomalyDINOModel
from anomalib.models.image.patchcore.anomaly_map import AnomalyMapGenerator
from anomalib.models.image.patchcore.torch_model import PatchcoreModel

from benchmarks.rivals import AnomalyDINO, PatchCore, smooth_map
from benchmarks.rivals.k_center_greedy import k_center_greedy

LIMIT = 1e-4


class StoredAnomalyDINO(AnomalyDINOModel):
    """anomalib's, given embeddings ``[B, C, h, w]`` in place of images: a patch is a pixel, its embedding is there."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.patch_size, self.num_neighbours, self.masking, self.coreset_subsampling = 1, 1, False, False
        self.register_buffer("memory_bank", torch.empty(0))
        self.embedding_store: list[Tensor] = []
        self.anomaly_map_generator = lambda scores, size: scores

    def extract_features(self, image_tensor: Tensor) -> Tensor:
        """The embeddings as ``[B, h * w, C]``."""
        return image_tensor.flatten(2).mT


def main(images: int = 40, channels: int = 192, grid: int = 20, seed: int = 0) -> None:
    """Compare and print a table."""
    torch.manual_seed(seed)
    centres = torch.randn(50, channels)
    train, test = (clustered(centres, count, grid, noise) for count, noise in ((images, 0.3), (8, 0.5)))
    differences = compare_patchcore(train, test) | compare_coreset(train) | compare_anomaly_dino(train, test)
    print(f"{images} images of {grid} x {grid} patches, {channels} channels, torch {torch.__version__}")
    print("| | largest difference | of values around |\n|---|---|---|")
    for name, (ours, theirs) in differences.items():
        print(f"| {name} | {(ours - theirs).abs().max():.1e} | {theirs.abs().median():.3g} |")
    sys.exit(any((ours - theirs).abs().max() > LIMIT for ours, theirs in differences.values()))


def clustered(centres: Tensor, images: int, grid: int, noise: float) -> Tensor:
    """Grids ``[images, C, grid, grid]`` of noisy centres."""
    rows = centres[torch.randint(len(centres), (images, grid, grid))]
    return (rows + noise * torch.randn_like(rows)).movedim(-1, 1)


def compare_patchcore(train: Tensor, test: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Distances and scores of images, with our coreset in both."""
    ours = PatchCore(candidates=8000)
    ours.fit(train)
    scores = ours.score(test)
    theirs = PatchcoreModel(layers=["layer1"], backbone="resnet18", pre_trained=False)
    theirs.memory_bank = ours.bank
    embedding = theirs.reshape_embedding(theirs.feature_pooler(test))
    distances, locations = (part.view(len(test), -1) for part in theirs.nearest_neighbors(embedding, n_neighbors=1))
    return {
        "PatchCore, distance of a patch": (scores.flatten(1), distances),
        "PatchCore, score of an image": (
            ours.image_score(test, scores),
            theirs.compute_anomaly_score(distances, locations, embedding),
        ),
    }


def compare_coreset(train: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Covering radius of coresets from the same first row; the projected one of anomalib is only printed."""
    rows = train.movedim(1, -1).flatten(0, 2)[:8000]
    exact = KCenterGreedy(rows[:, None], sampling_ratio=0.1).select_coreset_idxs()  # of 3 axes: without projection
    projected = KCenterGreedy(rows, sampling_ratio=0.1).select_coreset_idxs()
    ours = k_center_greedy(rows, len(exact), first=exact[0]).tolist()
    radii = {name: radius(rows, index) for name, index in (("ours", ours), ("exact", exact), ("projected", projected))}
    same = len(set(ours) & set(exact)) / len(exact)
    print(f"coreset of {len(exact)} of {len(rows)}: {same:.1%} the same rows as anomalib's without projection; radius ")
    print(", ".join(f"{name} {float(value):.4f}" for name, value in radii.items()))
    return {"PatchCore, radius of the coreset": (radii["ours"], radii["exact"])}


def radius(rows: Tensor, chosen: list[int]) -> Tensor:
    """The largest distance of a row to the nearest chosen one."""
    return torch.cdist(rows, rows[chosen], compute_mode="donot_use_mm_for_euclid_dist").amin(1).amax()


def compare_anomaly_dino(train: Tensor, test: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Distances, scores of images, and the Gaussian that both models share."""
    ours, theirs = AnomalyDINO(), StoredAnomalyDINO()
    ours.fit(train)
    scores = ours.score(test)
    theirs.train()(train)
    theirs.fit()
    predicted = theirs.eval()(test)
    away = slice(16, -16)  # the Gaussian ends after 16 pixels
    upsampled = F.interpolate(scores, (448, 448), mode="bilinear")
    return {
        "AnomalyDINO, distance of a patch": (scores, predicted.anomaly_map),
        "AnomalyDINO, score of an image": (ours.image_score(test, scores), predicted.pred_score.flatten()),
        "Gaussian of a map": (
            smooth_map(upsampled, AnomalyDINO.smoothing)[..., away, away],
            AnomalyMapGenerator(sigma=4)(upsampled)[..., away, away],
        ),
    }


if __name__ == "__main__":
    typer.run(main)
