"""The published settings on BMAD's three sets, beside the published table; then the bundles' own settings.

    make reproduce WEIGHTS=dinov3_vits16_pretrain_lvd1689m-08c60483.pth BMAD=data/bmad

The detectors are trained by the bundles' own training, which goes on where it was stopped and trains nothing twice.
With the published settings they are measured as the published code measures, in 240 x 240 pixels whatever the size of
the image; with their own, by the bundles' own evaluation, at the images' own resolution.
"""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
import typer
from monai.bundle import ConfigParser
from monai.transforms import Compose
from PIL import Image
from sklearn.metrics import roc_auc_score
from torch import Tensor

from benchmarks.kept import Kept
from monai_sar._progress import progress_bar
from monai_sar.cli.bundle_workflow import bundle_workflow, run_workflow
from monai_sar.cli.failure import GOES_ON, reported
from monai_sar.datasets import load_data_set
from monai_sar.datasets.bmad_layouts import CLASSES, SPLITS, AnomalyClass, Split
from monai_sar.datasets.inspection.official_counts import find_official_counts
from monai_sar.engines import images_digest
from monai_sar.metrics import PixelAUPRO, PixelAUROC, PixelAveragePrecision, top_mean
from monai_sar.networks import AnomalyDetector
from monai_sar.results.provenance import checkpoint_sha256
from monai_sar.settings.bundle_config import read_bundle_config
from monai_sar.transforms import EmptyMaskd

ROOT = Path(__file__).resolve().parents[1]

SETS = {"brain_mri": "brain (BraTS2021)", "liver_ct": "liver (BTCV, LiTS)", "retinal_oct": "retina (RESC)"}
"""Folder, and first part of the name of the bundle -> as the table calls it."""

PUBLISHED: dict[str, tuple[tuple[float, float] | None, ...]] = {
    "AR, standard conv": ((97.87, 64.70), (97.32, 8.44), (94.39, 56.16)),
    "AR, dilated conv": ((98.35, 72.42), (96.39, 5.51), (93.09, 42.34)),
    "AnomalyDINO, DINOv3-S": ((98.38, 69.49), (96.98, 5.35), (96.93, 63.40)),
    "AnomalyDINO, DINOv2-S": ((97.71, 58.69), (97.24, 17.91), (94.04, 50.45)),
    "PatchCore": (None, (96.63, 6.00), (97.57, 72.77)),
    "DPMM, DINOv2-S": ((91.16, 29.18), (96.30, 7.05), (86.47, 34.99)),
    "DPMM, DINOv3-S": ((96.12, 48.09), (90.48, 1.94), (86.94, 37.70)),
    "RD4AD": ((97.85, 52.98), (95.54, 4.71), (96.84, 64.77)),
    "CFA": ((97.33, 54.67), (97.14, 7.13), (93.11, 30.84)),
    "STFPM": ((96.84, 43.86), (96.30, 5.44), (95.11, 54.10)),
    "CFLOW": ((94.93, 34.99), (92.88, 3.46), (94.68, 52.23)),
    "PaDiM": ((83.59, 7.02), (90.35, 1.76), (91.88, 33.09)),
    "DRAEM": ((63.85, 14.61), (89.42, 7.03), (88.81, 38.05)),
    "UTRAD": ((47.47, 3.11), (85.54, 1.36), (94.62, 49.57)),
}
"""Pixel AUROC and AUPR of each set, in %. Source: arXiv 2603.02974 (March 2026), its table of all methods."""

DILATIONS = {"AR, standard conv": [1, 1, 1, 1], "AR, dilated conv": [4, 4, 4, 4]}
"""What the two published variants differ in."""

DEFAULTS = "our defaults"
SCORED = (240, 240)
"""Height and width in pixels at which the published code measures."""

FIGURES = {
    "pixel AUROC": "pixel_auroc",
    "pixel AP": "pixel_average_precision",
    "AUPRO": "pixel_aupro",
    "image AUROC": "scan_auroc",
}
"""As the table calls them -> in metrics_test.json."""

FORMAT = 1
"""To be raised when the same checkpoint and images give other figures than before."""


def main(
    bmad: Annotated[Path, typer.Argument(help="Folder that holds brain_mri, liver_ct, retinal_oct, or some of them.")],
    encoder_weights: Annotated[str, typer.Option(help="Weights file, also in Meta's own format; or hub.")] = "hub",
    encoder_name: Annotated[str, typer.Option(help="Of the encoder whose weights they are.")] = (
        "vit_small_patch16_dinov3"
    ),
    work: Annotated[Path, typer.Option(help="Embeddings, checkpoints and figures are kept here.")] = Path("reproduce"),
) -> None:
    """Train, measure and print. Call it again after an interruption: what is done is not done again."""
    with reported(GOES_ON):
        encoder = {"encoder_name": encoder_name, "encoder_weights": str(encoder_weights)}
        typer.echo(reproduce(bmad, work / encoder_name, encoder))


def reproduce(bmad: Path, work: Path, settings: Mapping[str, Any]) -> str:
    """Do all that is not done yet, set by set.

    Args:
        bmad: folder of the sets.
        work: what is made is kept here.
        settings: of the bundles' training config, laid over the published ones and over the defaults.

    Returns:
        The tables, as Markdown.

    Raises:
        FileNotFoundError: there is no set.
    """
    found = [name for name in SETS if (bmad / name).is_dir()]
    if not found:
        raise FileNotFoundError(
            f"{bmad}: found none of the folders {', '.join(SETS)}; expected BMAD's sets there, see data/README.md."
        )
    figures = {name: reproduce_set(name, bmad / name, work, settings) for name in found}
    notes = [f"- {SETS[name]}: {counts_note(bmad / name)}" for name in found]
    return "\n".join([*published_table(figures), "", *full_table(figures), "", *notes])


def reproduce_set(name: str, dataset: Path, work: Path, settings: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Train and measure on one set: name of the row -> figures, as fractions."""
    images = images_digest(load_data_set(dataset, "test"))
    defaults = ROOT / "bundles" / f"{name}_anomaly"
    published = published_bundle(defaults, work / "bundles" / defaults.name)
    rows: dict[str, tuple[Path, dict[str, Any], Callable[..., dict[str, float]]]] = {
        row: (published, {"dilations": dilations}, measure_as_published) for row, dilations in DILATIONS.items()
    }
    rows[DEFAULTS] = (defaults, {}, measure_as_the_bundle_does)
    figures = {}
    for row, (bundle, own, measure) in rows.items():
        folder = work / name / row.replace(", ", "_").replace(" ", "_")
        places = {"ckpt_dir": folder / "models", "output_dir": folder / "output", "feature_dir": work / "features"}
        all_settings = {
            **own,
            **settings,
            "dataset_dir": str(dataset),
            **{key: str(path) for key, path in places.items()},
        }
        typer.echo(f"\n=== {SETS[name]}: {row} ===", err=True)
        run_workflow(bundle_workflow(bundle, "train", overrides=all_settings))
        depends_on = {
            "format": FORMAT,
            "measured": measure.__name__,
            "images": images,
            "checkpoint_sha256": checkpoint_sha256(places["ckpt_dir"] / "model.pt"),
        }
        figures[row] = Kept(folder / "figures", depends_on).result(partial(measure, bundle, all_settings))
    return figures


def published_bundle(bundle: Path, copy: Path) -> Path:
    """Write a copy of a bundle over whose training config the published settings are laid; returns its folder."""
    shutil.copytree(bundle / "configs", copy / "configs", dirs_exist_ok=True)
    train = copy / "configs" / "train.yaml"
    laid_over = ConfigParser.load_config_files([str(train), str(ROOT / "benchmarks" / "published_settings.yaml")])
    ConfigParser.export_config_file(laid_over, str(train), fmt="yaml")
    return copy


def measure_as_published(bundle: Path, settings: Mapping[str, Any]) -> dict[str, float]:
    """The published way: scores of patches go to 240 x 240 in one step, masks by way of the encoder's size.

    AUPRO and image AUROC (top 1 % of the scores), which are not published, are of the same maps.
    """
    parser = read_bundle_config(bundle, "train", parts=["network", "preprocessing"], overrides=settings)
    detector: AnomalyDetector = parser.get_parsed_content("network")
    detector.load_checkpoint(Path(settings["ckpt_dir"]) / "model.pt")
    detector.eval()
    prepare = Compose([parser.get_parsed_content("preprocessing"), EmptyMaskd("label")])
    pixels = PixelAUROC(), PixelAveragePrecision(), PixelAUPRO()
    items = load_data_set(settings["dataset_dir"], "test")
    scores = []
    for item in progress_bar(items, task="Measuring", unit="image"):
        prepared = prepare(dict(item))
        image, mask = (torch.as_tensor(prepared[key]).as_subclass(Tensor)[None, ..., 0] for key in ("image", "label"))
        anomaly_map, lesion = published_map(detector, image), published_mask(mask, detector.require_image_size())
        scores.append(top_mean(anomaly_map))
        for metric in pixels:
            metric.update(([anomaly_map], [lesion]))
    image_auroc = float(roc_auc_score([item["abnormal"] for item in items], scores))
    return dict(zip(FIGURES, [*(float(metric.compute()) for metric in pixels), image_auroc], strict=True))


@torch.no_grad()
def published_map(detector: AnomalyDetector, image: Tensor) -> Tensor:
    """``[1, C, H, W]`` -> ``[1, 240, 240]``."""
    scores = detector.error(detector.embed(image.to(detector.encoder.mean.device)))
    return F.interpolate(scores, SCORED, mode="bilinear", align_corners=False)[0].cpu()


def published_mask(mask: Tensor, image_size: tuple[int, int]) -> Tensor:
    """``[1, 1, H, W]`` -> ``[1, 240, 240]``, boolean: nearest pixels, as Pillow finds them, then as PyTorch does."""
    drawn = Image.fromarray((mask[0, 0] != 0).to(torch.uint8).numpy())
    fitted = np.array(drawn.resize(image_size[::-1], Image.Resampling.NEAREST))
    return F.interpolate(torch.from_numpy(fitted)[None, None], SCORED, mode="nearest")[0] != 0


def measure_as_the_bundle_does(bundle: Path, settings: Mapping[str, Any]) -> dict[str, float]:
    """By its own evaluation, whose report stays beside the checkpoint."""
    run_workflow(bundle_workflow(bundle, "train", "evaluate", overrides={**settings, "split": "test"}))
    metrics = json.loads((Path(settings["output_dir"]) / "metrics_test.json").read_text())["metrics"]
    return {name: metrics[key] for name, key in FIGURES.items()}


def counts_note(dataset: Path) -> str:
    """Whether a set has as many images as BMAD's."""
    counts: Counter[tuple[Split, AnomalyClass]] = Counter()
    for split in SPLITS:
        counts.update((split, CLASSES[item["abnormal"]]) for item in load_data_set(dataset, split))
    findings = find_official_counts(counts)
    none = "found other numbers of images than in any set of BMAD: figures cannot be compared with published ones."
    return findings[0].message if findings else none


def published_table(figures: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[str]:
    """The published table, with our rows below those of the same settings."""
    lines = ["| pixel AUROC / AP in % | " + " | ".join(SETS.values()) + " |", "|---" * (1 + len(SETS)) + "|"]
    for method, published in PUBLISHED.items():
        lines.append(table_row(f"{method}, published", published))
        if method in DILATIONS:
            lines.append(table_row(f"**{method}, ours**", percent(figures, method)))
    return [*lines, table_row(f"**{DEFAULTS}**, at the images' own resolution", percent(figures, DEFAULTS))]


def percent(figures: Mapping[str, Mapping[str, Mapping[str, float]]], method: str) -> list[tuple[float, float] | None]:
    """Our figures of one row, set by set; None where there is no such set."""
    found = [figures[name][method] if name in figures else None for name in SETS]
    return [None if each is None else (100 * each["pixel AUROC"], 100 * each["pixel AP"]) for each in found]


def table_row(name: str, cells: Sequence[tuple[float, float] | None]) -> str:
    """A line of the table."""
    texts = ["-" if cell is None else f"{cell[0]:.2f} / {cell[1]:.2f}" for cell in cells]
    return f"| {name} | " + " | ".join(texts) + " |"


def full_table(figures: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[str]:
    """All that we measure."""
    lines = ["| ours, in % | | " + " | ".join(FIGURES) + " |", "|---" * (2 + len(FIGURES)) + "|"]
    for name, rows in figures.items():
        for method, values in rows.items():
            cells = " | ".join(f"{100 * values[figure]:.2f}" for figure in FIGURES)
            lines.append(f"| {SETS[name]} | {method} | {cells} |")
    return lines


if __name__ == "__main__":
    typer.run(main)
