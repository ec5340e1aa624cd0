"""``monai-sar train``: a bundle learns what is normal."""

import os
from pathlib import Path
from typing import Annotated

import typer

from monai_sar.cli.bundle_options import (
    BundleFolder,
    DatasetFolder,
    Device,
    Output,
    Settings,
    existing,
    given_settings,
)
from monai_sar.cli.failure import GOES_ON, reported

__all__ = ["train"]


def train(
    bundle: BundleFolder,
    dataset: DatasetFolder,
    encoder_weights: Annotated[
        str | None, typer.Option(help="Weights file of the encoder, or 'hub' (download them), or 'random'.")
    ] = None,
    max_epochs: Annotated[int | None, typer.Option(min=1, help="The most epochs to train.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of weights, shuffling and noise.")] = None,
    ckpt_dir: Annotated[Path | None, typer.Option(help="Folder of this training, by default the bundle's models.")] = (
        None
    ),
    output: Output = None,
    resume: Annotated[
        bool | None,
        typer.Option(
            "--resume/--anew",
            help="Go on with the training in --ckpt-dir, as is done by default, or replace it.",
            show_default=False,
        ),
    ] = None,
    device: Device = None,
    setting: Settings = None,
) -> None:
    """Train a bundle on the normal images of a data set, and calibrate it on those of its validation split.

    It writes models/model.pt, the weights with the lowest loss on normal validation images, and
    output/training_curve.png, both in the bundle by default.

    The same command goes on where a training was stopped, however it was. A training that goes on needs the settings
    that it began with; others are refused, and named.

    Settings (--set) are those of configs/train.yaml. It gives to the bit what this gives in the bundle's folder:
    python -m monai.bundle run training --config_file configs/train.yaml --dataset_dir DATASET

    On N GPUs: torchrun --standalone --nproc_per_node=N -m monai_sar.cli train BUNDLE DATASET

    Exit status: 0 done, 2 wrong use, 130 interrupted.
    """
    with reported(GOES_ON if resume is not False else "Interrupted. Without --anew it goes on where it stopped."):
        from monai_sar.cli.bundle_workflow import bundle_workflow, run_workflow

        overrides = given_settings(
            setting,
            device=device,
            encoder_weights=encoder_weights,
            dataset_dir=existing(dataset),
            ckpt_dir=ckpt_dir,
            output_dir=output,
            max_epochs=max_epochs,
            seed=seed,
            resume=resume,
        )
        processes = int(os.environ.get("WORLD_SIZE", "1"))  # torchrun says so
        configs = ["train", "multi_gpu_train"] if processes > 1 else ["train"]
        run_workflow(bundle_workflow(bundle, *configs, overrides=overrides))
