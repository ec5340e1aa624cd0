"""Memory and time of the pixel metrics on as many pixels as a whole test set, and their error on a part of it.

The scores are synthetic: smooth maps as from a 28 x 28 grid of patches, with lesions that score somewhat higher.

    python benchmarks/metrics_memory.py --images 3715 --size 448
"""

import resource
import sys
import time
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
import typer
from ignite.metrics import Metric
from skimage.draw import disk
from skimage.measure import label
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve
from torch import Tensor
from tqdm import tqdm

from monai_sar.metrics import PixelAUPRO, PixelAUROC, PixelAveragePrecision

METRICS: dict[str, type[Metric]] = {"AUROC": PixelAUROC, "AP": PixelAveragePrecision, "AUPRO": PixelAUPRO}


def make_images(count: int, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Scores and mask ``[1, size, size]``; four images of five have one to three lesions."""
    generator = np.random.default_rng(seed)
    for _ in range(count):
        mask = np.zeros((size, size), np.uint8)
        for _ in range(generator.integers(1, 4) if generator.random() < 0.8 else 0):
            radius = size * generator.uniform(0.005, 0.12)
            mask[disk(generator.uniform(0.2, 0.8, 2) * size, radius, shape=mask.shape)] = 1
        patches = generator.normal(size=(1, 1, 28, 28)).astype(np.float32)
        smooth = F.interpolate(torch.from_numpy(patches), (size, size), mode="bilinear")[0]
        lesions = torch.from_numpy(mask)[None]
        yield torch.exp(smooth + float(generator.uniform(0, 1.5)) * lesions), lesions


def exact(images: list[tuple[Tensor, Tensor]]) -> dict[str, float]:
    """The metrics from all scores, sorted, without bins."""
    score, mask = (torch.cat([image[part].flatten() for image in images]).numpy() for part in (0, 1))
    weights = []
    for _, lesions in images:
        numbers = label(lesions[0].numpy(), connectivity=2)
        areas = np.bincount(numbers.ravel())
        areas[0] = 1
        weights.append(1 / areas[numbers].ravel())
    fpr, overlap, _ = roc_curve(mask, score, sample_weight=np.concatenate(weights), drop_intermediate=False)
    below = fpr < 0.3
    area = np.trapezoid(np.append(overlap[below], np.interp(0.3, fpr, overlap)), np.append(fpr[below], 0.3))
    return {
        "AUROC": roc_auc_score(mask, score),
        "AP": average_precision_score(mask, score),
        "AUPRO": area / 0.3,
    }


def peak_mebibytes() -> float:
    """Highest resident memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def main(images: int = 3715, size: int = 448, exact_images: int = 20, seed: int = 0) -> None:
    """Measure; see the text at the head of this file. Times are of the processor: neighbours do not count."""
    imported = peak_mebibytes()
    metrics = {name: metric() for name, metric in METRICS.items()}
    seconds = dict.fromkeys(metrics, 0.0)
    lesion_pixels = 0
    for score, mask in tqdm(make_images(images, size, seed), total=images, unit="image"):
        lesion_pixels += int(mask.sum())
        for name, metric in metrics.items():
            start = time.process_time()
            metric.update(([score], [mask]))
            seconds[name] += time.process_time() - start
    finish, values = dict.fromkeys(metrics, 0.0), {}
    for name, metric in metrics.items():
        start = time.process_time()
        values[name] = metric.compute()
        finish[name] = time.process_time() - start
    peak = peak_mebibytes()
    pixels = images * size**2
    typer.echo(f"{images} images of {size} x {size}, {pixels / 1e6:.0f} M pixels, {lesion_pixels / pixels:.1%} lesion")
    typer.echo(
        f"peak memory {peak:.0f} MiB, of which {imported:.0f} MiB are the imports; {torch.get_num_threads()} threads"
    )

    part = list(make_images(min(exact_images, images), size, seed))
    for metric in metrics.values():
        metric.reset()
        metric.update(tuple(zip(*part, strict=True)))
    typer.echo(
        f"\n| | value | CPU ms per image | CPU s at the end | error on {len(part)} images |\n|---|---|---|---|---|"
    )
    for name, expected in exact(part).items():
        error = abs(metrics[name].compute() - expected)
        per_image = 1000 * seconds[name] / images
        typer.echo(f"| {name} | {values[name]:.4f} | {per_image:.2f} | {finish[name]:.2f} | {error:.1e} |")


if __name__ == "__main__":
    typer.run(main)
