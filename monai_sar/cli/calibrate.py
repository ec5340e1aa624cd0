"""``monai-sar calibrate``: thresholds and p-values from normal scans."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from monai_sar.cli.bundle_options import (
    BundleFolder,
    Checkpoint,
    DatasetFolder,
    Device,
    EncoderWeights,
    Settings,
    given_settings,
)
from monai_sar.cli.failure import printable, reported

__all__ = ["calibrate"]

PARTS = ("ckpt_dir", "network", "preprocessing", "inferer", "lesion_margin")
"""What a train config must define."""


def calibrate(
    bundle: BundleFolder,
    dataset: DatasetFolder,
    rates: Annotated[
        str | None,
        typer.Option(
            help="False-positive rates to promise, such as 0.01,0.05. 1 % takes 99 normal patients, 5 % takes 19. "
            "Default: these two as far as there are patients enough, else the smallest rate if at most 10 %.",
            show_default=False,
        ),
    ] = None,
    split: Annotated[
        Literal["valid", "test"],
        typer.Option(help="Whose normal scans to take; an evaluation on the same ones shows nothing."),
    ] = "valid",
    fold: Annotated[int | None, typer.Option(help="Of a datalist with folds: the one that validates.")] = None,
    checkpoint: Checkpoint = None,
    encoder_weights: EncoderWeights = None,
    device: Device = None,
    amp: Annotated[bool, typer.Option(help="Mixed precision; give it if predictions will be made so.")] = False,
    setting: Settings = None,
) -> None:
    """Learn from normal scans what scores are normal, and write it into the checkpoint.

    Predictions then flag voxels at a false-positive rate that was promised, and give p-values. Normal patients are
    counted, not scans. They must not be those of the training: what was learnt scores too low. Of which patient a
    scan is, the datalist, manifest.csv or its name tells; monai-sar inspect finds patients that are in two splits.

    Volumes are calibrated on volumes, single slices on single slices. Where every scan of the split has a lesion,
    thresholds rest on the slices without, and scans get no p-value.

    Settings (--set) are those of configs/train.yaml. Nothing is written if there are too few patients for a rate that
    was asked for.

    Exit status: 0 done, 2 wrong use or too few patients.
    """
    with reported():
        from monai.data import Dataset

        from monai_sar.calibration import summary
        from monai_sar.datasets import load_normal_scans
        from monai_sar.engines import calibrate_checkpoint
        from monai_sar.settings.bundle_config import read_bundle_config, unwrapped, use_checkpoint_settings

        overrides = given_settings(setting, encoder_weights=encoder_weights, device=device)
        promised = None if rates is None else _rates(rates)
        parser = read_bundle_config(bundle, "train", parts=PARTS, overrides=overrides)
        path = checkpoint or Path(unwrapped(lambda: parser.get_parsed_content("ckpt_dir"))) / "model.pt"
        # the data set is of the kind that the checkpoint was trained with, and is read in the same way
        use_checkpoint_settings(parser, path, overrides=overrides, fixed=("modality",))
        scans = load_normal_scans(dataset, split, fold=fold)
        detector, preprocessing, inferer, lesion_margin = (
            unwrapped(partial(parser.get_parsed_content, part)) for part in PARTS[1:]
        )
        calibrate_checkpoint(
            detector,
            path,
            Dataset(scans, preprocessing),
            inferer=inferer,
            rates=promised,
            lesion_margin=lesion_margin,
            amp=amp,
        )
        typer.echo(summary(detector.calibration))
        typer.echo(printable(f"Written into {path}"))


def _rates(text: str) -> list[float]:
    try:
        return [float(rate) for rate in text.split(",")]
    except ValueError:
        raise ValueError(f"--rates {text}: expected numbers between 0 and 1, such as 0.01,0.05.") from None
