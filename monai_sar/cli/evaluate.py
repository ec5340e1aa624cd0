"""``monai-sar evaluate``: measure a trained bundle on labelled scans."""

from typing import Annotated, Literal

import typer

from monai_sar.cli.bundle_options import (
    BundleFolder,
    Checkpoint,
    DatasetFolder,
    Device,
    EncoderWeights,
    Output,
    Settings,
    existing,
    given_settings,
)
from monai_sar.cli.failure import reported

__all__ = ["evaluate"]


def evaluate(
    bundle: BundleFolder,
    dataset: DatasetFolder,
    split: Annotated[
        Literal["valid", "test"] | None,
        typer.Option(help="'valid' to choose settings; 'test', the default, once, at the end.", show_default=False),
    ] = None,
    checkpoint: Checkpoint = None,
    encoder_weights: EncoderWeights = None,
    output: Output = None,
    hide_names: Annotated[
        bool, typer.Option(help="Write numbers in the place of the names of files; DICOM never has a name.")
    ] = False,
    device: Device = None,
    setting: Settings = None,
) -> None:
    """Measure a trained bundle on the labelled scans of a data set: volumes, or images.

    It writes report_SPLIT.html (look at this first), metrics_SPLIT.json and .csv, and cases_SPLIT.csv, a row for
    each scan: score, p-value, flagged and lesion volume, Dice, lesions found.

    The checkpoint says which encoder, image size and network it was trained with. Settings (--set) are those of
    configs/train.yaml and configs/evaluate.yaml. It gives to the bit what python -m monai.bundle run evaluating gives
    with these two configs and the settings of the training.

    Exit status: 0 done, 2 wrong use, 130 interrupted.
    """
    with reported():
        from monai_sar.cli.bundle_workflow import bundle_workflow, run_workflow
        from monai_sar.settings.bundle_config import unwrapped, use_checkpoint_settings

        overrides = given_settings(
            setting,
            checkpoint=checkpoint,
            device=device,
            encoder_weights=encoder_weights,
            dataset_dir=existing(dataset),
            output_dir=output,
            split=split,
            hide_names=hide_names or None,
        )
        workflow = bundle_workflow(bundle, "train", "evaluate", overrides=overrides)
        parser = workflow.parser
        path = unwrapped(lambda: parser.get_parsed_content("ckpt_path"))
        # the data set is of the kind that the checkpoint was trained with, and is read in the same way
        use_checkpoint_settings(parser, path, overrides=overrides, fixed=("modality",))
        run_workflow(workflow)
