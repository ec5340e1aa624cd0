"""The method in its modes, its rivals and plain intensity, on the same stored embeddings.

    python -m benchmarks.accuracy bundles/brain_mri_anomaly DATASET --encoder-name vit_tiny_patch16_224 \
        --encoder-weights vit_tiny_patch16_224_augreg.pth --image-size 320 320 --split test

All see the same images, prepared and encoded once as the bundle does, and are measured on the same pixels: at the
image's own resolution, everywhere (as BMAD measures) and in the region where a score means something. Whatever is
random has a row per seed; the table gives mean and standard deviation. Rivals that define a smoothing of their map have
theirs; the others get the bundle's. Our detectors are trained by the bundle's own training, in a process each. Time is
that of the processor, one thread, from embeddings to the score of each patch.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import torch
import typer
from ignite.metrics import Metric
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor
from tqdm import tqdm

from benchmarks.interleaved import conditions
from benchmarks.kept import Kept
from benchmarks.labelled_images import LabelledImage, LabelledSet, load_labelled_set
from benchmarks.rivals import DPMM, AnomalyDINO, PatchCore, Rival, smooth_map
from benchmarks.rivals.single_gaussian import SingleGaussian
from benchmarks.trained_bundle import PUBLISHED, BundleTraining, training_settings
from monai_sar.cli.bundle_options import Settings, given_settings
from monai_sar.metrics import PixelAUPRO, PixelAUROC, PixelAveragePrecision, top_mean
from monai_sar.metrics.anomaly_score import TOP_FRACTION
from monai_sar.networks import AnomalyDetector, ScoreSmoothing

BLUR = 6.0
"""Of plain intensity, sigma in pixels of the image."""

INTENSITY: dict[str, Callable[[Tensor], Tensor]] = {
    "brightness": lambda image: image,
    "darkness": lambda image: 1 - image,
    "brightness, blurred": lambda image: smooth_map(image, BLUR),
    "darkness, blurred": lambda image: 1 - smooth_map(image, BLUR),
}

RIVALS: dict[str, Callable[[int], Rival]] = {
    AnomalyDINO.name: lambda seed: AnomalyDINO(),
    PatchCore.name: lambda seed: PatchCore(seed=seed),
    DPMM.name: lambda seed: DPMM(seed=seed),
    SingleGaussian.name: lambda seed: SingleGaussian(),
}

OURS: dict[str, dict[str, Any]] = {
    "as published": PUBLISHED,
    "ours": {},
    "ours, no smoothing": {"smoothing": 0.0},
    "ours, channels standardised": {"feature_scaling": "standardize"},
    "ours, directions standardised": {"feature_scaling": "direction"},
    "ours, channels whitened": {"feature_scaling": "whiten"},
    "ours, causal, dilations 4": {"mode": "causal", "dilations": [4, 4, 4, 4]},
    "ours, bidirectional, dilation 1": {"mode": "bidirectional", "dilations": [1]},
    "ours, blind spot, rings 3 and 6": {"mode": "blind_spot", "dilations": [3, 6]},
    "ours, Gaussian likelihood": {"likelihood": "gaussian"},
}
"""What differs from the bundle's settings."""

FORMAT = 1
"""To be raised when the same images, method and settings give other figures than before."""

RANDOM = {PatchCore.name, DPMM.name, *OURS}


class Scored(NamedTuple):
    """What a method says of an image: its map ``[1, H, W]``, and one score for the whole."""

    anomaly_map: Tensor
    score: float


class Method(NamedTuple):
    """A method that has learned.

    Attributes:
        score: an image.
        learning: CPU seconds that it took.
        kept_bytes: of what it needs for scoring besides the encoder.
    """

    score: Callable[[LabelledImage], Scored]
    learning: float = 0
    kept_bytes: int = 0


class Candidate(NamedTuple):
    """A method that has yet to learn.

    Attributes:
        parameters: what its figures depend on besides the data set; JSON-able.
        learn: makes it ready to score.
    """

    parameters: dict[str, Any]
    learn: Callable[[], Method]


class Row(NamedTuple):
    """One method, learned with one seed, measured."""

    method: str
    seed: int
    figures: dict[str, float]


def main(
    bundle: str,
    dataset: str,
    encoder_name: str = "vit_small_patch16_dinov3",
    encoder_weights: str = "hub",
    image_size: Annotated[tuple[int, int], typer.Option(help="Height and width in pixels.")] = (448, 448),
    split: Literal["valid", "test"] = "valid",
    max_epochs: int = 40,
    seeds: int = 3,
    pairs: Settings = None,
    methods: Annotated[list[str] | None, typer.Option("--method", help="Only these rows.")] = None,
    work: Annotated[Path, typer.Option(help="Embeddings, checkpoints and rows are kept here.")] = Path("accuracy"),
    threads: int = 1,
) -> None:
    """Measure and print a table. What is kept in ``work`` is not measured again; its times are those of then."""
    names = methods or [*INTENSITY, *RIVALS, *OURS]
    if unknown := set(names) - {*INTENSITY, *RIVALS, *OURS}:
        raise typer.BadParameter(f"Found the methods {unknown}; expected some of {[*INTENSITY, *RIVALS, *OURS]}.")
    torch.set_num_threads(threads)
    settings = training_settings(
        work,
        dataset_dir=dataset,
        encoder_name=encoder_name,
        encoder_weights=encoder_weights,
        image_size=list(image_size),
        max_epochs=max_epochs,
        **given_settings(pairs),
    )
    labelled = load_labelled_set(bundle, split, settings)
    rows = []
    for name in names:
        for seed in range(seeds if name in RANDOM else 1):
            candidate = find_candidate(name, seed, labelled, bundle, work, settings)
            depends_on = {
                "format": FORMAT,
                "method": name,
                "seed": seed,
                "threads": threads,
                "parameters": candidate.parameters,
            }
            kept = Kept(work / "rows", labelled.depends_on | depends_on)
            rows.append(Row(name, seed, kept.result(partial(learn_and_measure, candidate, labelled))))
    print(f"\n{Path(bundle).name}, {split}, {encoder_name}, {list(image_size)}; {conditions()}")
    print(f"settings: {', '.join(pairs or ()) or 'the bundle'}\n")
    print_table(rows)


def find_candidate(
    name: str, seed: int, labelled: LabelledSet, bundle: str, work: Path, settings: dict[str, Any]
) -> Candidate:
    """The method of this name."""
    if name in INTENSITY:
        return Candidate({"blur": BLUR}, lambda: Method(partial(score_by_intensity, INTENSITY[name])))
    if name in RIVALS:
        rival = RIVALS[name](seed)
        return Candidate(dict(vars(rival)), partial(learn_rival, rival, labelled))
    differing = dict(OURS[name])
    smoothing = differing.pop("smoothing", labelled.detector.smoothing.sigma)  # needs no training
    training = BundleTraining(bundle, work, settings | differing | {"seed": seed})
    parameters = {"training": training.depends_on, "smoothing": smoothing}
    return Candidate(parameters, partial(learn_ours, training, smoothing))


def learn_rival(rival: Rival, labelled: LabelledSet) -> Method:
    """From the training embeddings."""
    start = time.process_time()
    rival.fit(labelled.train)
    learning = time.process_time() - start
    return Method(partial(score_by_rival, rival, labelled.detector), learning, rival.kept_bytes)


def learn_ours(training: BundleTraining, smoothing: float) -> Method:
    """By the bundle's training."""
    trained = training.run()
    trained.detector.smoothing = ScoreSmoothing(smoothing)
    return Method(partial(score_by_detector, trained.detector), trained.cpu_seconds, trained.kept_bytes)


def learn_and_measure(candidate: Candidate, labelled: LabelledSet) -> dict[str, float]:
    """The figures of a method."""
    return measure(candidate.learn(), labelled)


def score_by_intensity(intensity: Callable[[Tensor], Tensor], image: LabelledImage) -> Scored:
    """The map is the image itself."""
    anomaly_map = intensity(image.image[None])[0]
    return Scored(anomaly_map, top_mean(anomaly_map, TOP_FRACTION, foreground=image.region))


def score_by_rival(rival: Rival, detector: AnomalyDetector, image: LabelledImage) -> Scored:
    """Map by the rival's smoothing, or the bundle's where it defines none; score by its own formula."""
    scores = rival.score(image.features)
    of_image = float(rival.image_score(image.features, scores))
    if rival.smoothing is None:
        return Scored(upsample(detector.smoothing(scores), detector, image), of_image)
    return Scored(smooth_map(upsample(scores, detector, image)[None], rival.smoothing)[0], of_image)


@torch.no_grad()
def score_by_detector(detector: AnomalyDetector, image: LabelledImage) -> Scored:
    """As predictions do."""
    scores = detector.score(image.features.float(), detector.patch_intensity(image.view.cut(image.image[None])))
    anomaly_map = upsample(scores, detector, image)
    return Scored(anomaly_map, top_mean(anomaly_map, TOP_FRACTION, foreground=image.region))


def upsample(scores: Tensor, detector: AnomalyDetector, image: LabelledImage) -> Tensor:
    """Scores of patches ``[1, 1, h, w]`` at the pixels of the image: ``[1, H, W]``."""
    height, width = image.image.shape[-2:]
    view = image.view
    maps = detector.letterbox.restore(
        scores, patch_size=detector.encoder.patch_size, image_size=(view.height, view.width)
    )
    return view.put_back(maps, (height, width))[0]


def measure(method: Method, labelled: LabelledSet) -> dict[str, float]:
    """Score all images and compare with their lesions and labels."""
    metrics: dict[str, Metric] = {
        "pixel AUROC": PixelAUROC(),
        "pixel AP": PixelAveragePrecision(),
        "AUPRO": PixelAUPRO(),
        "region AUROC": PixelAUROC(),
        "region AP": PixelAveragePrecision(),
        "region AUPRO": PixelAUPRO(),
    }
    scores, seconds = [], 0.0
    for image in tqdm(labelled.images, unit="image", leave=False):
        start = time.process_time()
        anomaly_map, score = method.score(image)
        seconds += time.process_time() - start
        scores.append(score)
        for name, metric in metrics.items():
            metric.update(pixels(name, anomaly_map, image))
    abnormal = [image.abnormal for image in labelled.images]
    return {
        **{name: float(metric.compute()) for name, metric in metrics.items()},
        "image AUROC": float(roc_auc_score(abnormal, scores)),
        "image AP": float(average_precision_score(abnormal, scores)),
        "learn, CPU s": method.learning,
        "CPU ms per image": 1000 * seconds / len(scores),
        "kept, MiB": method.kept_bytes / 2**20,
    }


def pixels(metric: str, anomaly_map: Tensor, image: LabelledImage) -> tuple[list[Tensor], ...]:
    """What a metric compares."""
    if not metric.startswith("region"):
        return [anomaly_map], [image.lesion]
    if metric.endswith("AUPRO"):
        return [anomaly_map], [image.lesion], [image.region]
    return [anomaly_map[image.region]], [image.lesion[image.region]]


def print_table(rows: list[Row]) -> None:
    """Mean over the seeds, and their standard deviation where there are several."""
    names = list(rows[0].figures)
    print("| | seeds | " + " | ".join(names) + " |\n|" + "---|" * (len(names) + 2))
    for method in dict.fromkeys(row.method for row in rows):
        of_method = [row.figures for row in rows if row.method == method]
        cells = [cell([figures[name] for figures in of_method], 0 if "CPU" in name else 3) for name in names]
        print(f"| {method} | {len(of_method)} | " + " | ".join(cells) + " |")


def cell(values: list[float], digits: int) -> str:
    """Mean, and spread."""
    spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{spread}"


if __name__ == "__main__":
    typer.run(main)
