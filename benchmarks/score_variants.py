"""Other scores from the same prediction: which are better, on the validation split?

    python -m benchmarks.score_variants bundles/brain_mri_anomaly DATASET --encoder-name vit_tiny_patch16_224 \
        --encoder-weights vit_tiny_patch16_224_augreg.pth --image-size 320 320

One detector, as the bundle trains it; ``x`` is the scaled embedding of a patch, ``p`` its prediction. What a variant
needs to know of normal errors comes from training images. Settings are chosen from such tables, never on the test
split.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple

import torch
import torch.nn.functional as F
import typer
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor

from benchmarks.accuracy import Method, Row, Scored, measure, print_table, score_by_detector, upsample
from benchmarks.labelled_images import LabelledImage, LabelledSet, load_labelled_set
from benchmarks.trained_bundle import BundleTraining, training_settings
from monai_sar.metrics import top_mean
from monai_sar.metrics.anomaly_score import TOP_FRACTION
from monai_sar.networks import AnomalyDetector, ChannelWhitening, ScoreSmoothing

SIGMAS = (0.0, 0.5, 0.7, 1.0, 1.5, 2.0)
"""Of the smoothing, in patches."""

FRACTIONS = (1e-9, 0.001, 0.01, 0.05, 0.2, 1.0)
"""Of the pixels in the region, whose scores, if highest, are averaged for that of an image; the first: one pixel."""

REFERENCE_IMAGES = 300

Score = Callable[[Tensor, Tensor], Tensor]
"""``x`` and ``p``, both ``[B, C, h, w]``, to ``[B, 1, h, w]``."""


class Normal(NamedTuple):
    """What training images show.

    Attributes:
        usual: mean squared error of every channel and position, ``[1, C, h, w]``.
        of_errors: whitens ``x - p``.
        of_embeddings: whitens ``x``.
    """

    usual: Tensor
    of_errors: ChannelWhitening
    of_embeddings: ChannelWhitening


def main(
    bundle: str,
    dataset: str,
    encoder_name: str = "vit_small_patch16_dinov3",
    encoder_weights: str = "hub",
    image_size: Annotated[tuple[int, int], typer.Option(help="Height and width in pixels.")] = (448, 448),
    max_epochs: int = 40,
    work: Annotated[Path, typer.Option(help="Shared with the benchmark of accuracy: embeddings, training.")] = (
        Path("accuracy")
    ),
    threads: int = 1,
) -> None:
    """Train, score in many ways, print a table."""
    torch.set_num_threads(threads)
    settings = training_settings(
        work,
        dataset_dir=dataset,
        encoder_name=encoder_name,
        encoder_weights=encoder_weights,
        image_size=list(image_size),
        max_epochs=max_epochs,
    )
    labelled = load_labelled_set(bundle, "valid", settings)
    detector = BundleTraining(bundle, work, settings | {"seed": 0}).run().detector
    scores, own = variants(learn_normal(detector, labelled.train)), detector.smoothing.sigma
    choices = {f"squared error, smoothing {sigma:g}": (scores["squared error"], sigma) for sigma in SIGMAS}
    choices |= {f"{name}, smoothing {own:g}": (score, own) for name, score in scores.items()}
    methods = {
        name: Method(partial(score_image, detector, score, ScoreSmoothing(sigma)))
        for name, (score, sigma) in choices.items()
    }
    print_table([Row(name, 0, measure(method, labelled)) for name, method in methods.items()])
    print_table(score_whole_images(detector, labelled))


@torch.no_grad()
def learn_normal(detector: AnomalyDetector, train: Tensor) -> Normal:
    """From the first training images."""
    x = detector.scaling(train[:REFERENCE_IMAGES].float())
    error = x - torch.cat([detector.network(part) for part in torch.split(x, 16)])
    return Normal(
        error.square().mean(0, keepdim=True),
        ChannelWhitening(x.shape[1]).fit(error),
        ChannelWhitening(x.shape[1]).fit(x),
    )


def variants(normal: Normal) -> dict[str, Score]:
    """The scores that are compared."""
    per_channel = normal.usual.mean((2, 3), keepdim=True)
    per_position = normal.usual.mean(1, keepdim=True)

    def energy(values: Tensor) -> Tensor:
        return values.square().mean(1, keepdim=True)

    return {
        "squared error": lambda x, p: energy(x - p),
        "error over its usual, channel by channel": lambda x, p: energy((x - p) / per_channel.sqrt()),
        "error over its usual, position by position": lambda x, p: energy(x - p) / per_position,
        "whitened error": lambda x, p: energy(normal.of_errors(x - p)),
        "1 - cosine": lambda x, p: 1 - F.cosine_similarity(x, p, dim=1)[:, None],
        "error + distance of x to the mean": lambda x, p: energy(x - p) + energy(normal.of_embeddings(x)),
        "error - half the length of x": lambda x, p: energy(x - p) - energy(x) / 2,
    }


@torch.no_grad()
def score_image(detector: AnomalyDetector, score: Score, smoothing: ScoreSmoothing, image: LabelledImage) -> Scored:
    """Map and score of an image by one of the variants."""
    x = detector.scaling(image.features.float())
    anomaly_map = upsample(smoothing(score(x, detector.network(x))), detector, image)
    return Scored(anomaly_map, top_mean(anomaly_map, TOP_FRACTION, foreground=image.region))


def score_whole_images(detector: AnomalyDetector, labelled: LabelledSet) -> list[Row]:
    """Rows of how well images are ranked by their highest scores; the maps are the detector's own, made once."""
    maps = [score_by_detector(detector, image).anomaly_map for image in labelled.images]
    abnormal = [image.abnormal for image in labelled.images]
    rows = []
    for fraction in FRACTIONS:
        pairs = zip(maps, labelled.images, strict=True)
        scores = [top_mean(anomaly_map, fraction, foreground=image.region) for anomaly_map, image in pairs]
        figures = {
            "image AUROC": float(roc_auc_score(abnormal, scores)),
            "image AP": float(average_precision_score(abnormal, scores)),
        }
        rows.append(Row(f"an image by its top {fraction:g}", 0, figures))
    return rows


if __name__ == "__main__":
    typer.run(main)
