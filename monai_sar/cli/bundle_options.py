"""What the commands that take a trained bundle have in common: the same options, under the same names."""

from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = [
    "BundleFolder",
    "BundleOption",
    "Checkpoint",
    "DatasetFolder",
    "Device",
    "EncoderWeights",
    "Output",
    "Settings",
    "existing",
    "given_settings",
]

_BUNDLE = "Folder of a bundle, such as bundles/brain_mri_anomaly."

BundleFolder = Annotated[Path, typer.Argument(help=_BUNDLE)]
BundleOption = Annotated[Path, typer.Option(help=_BUNDLE)]
DatasetFolder = Annotated[Path, typer.Argument(help="A datalist (.json), or a folder in one of BMAD's layouts.")]
Checkpoint = Annotated[Path | None, typer.Option(help="Another checkpoint than the bundle's models/model.pt.")]
EncoderWeights = Annotated[
    str | None, typer.Option(help="Weights file of the encoder, if it was trained with one; or 'hub', 'random'.")
]
Output = Annotated[Path | None, typer.Option(help="Folder of what it writes, by default the bundle's output.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, ...; by default a GPU if there is one.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Any other setting of the bundle's config: key=value. No text in it is code."),
]


def given_settings(
    pairs: list[str] | None,
    *,
    checkpoint: Path | None = None,
    encoder_weights: str | None = None,
    device: str | None = None,
    **values: Any,
) -> dict[str, Any]:
    """The settings that were given, under the names of a bundle's config.

    Args:
        pairs: of ``--set``; they count most.
        checkpoint: of ``--checkpoint``.
        encoder_weights: of ``--encoder-weights``.
        device: of ``--device``.
        values: of other options; None, if they were not given.

    Raises:
        ValueError: a pair that is none, or a value of the wrong kind.
        RuntimeError: no such device.
    """
    import torch

    values |= {
        "ckpt_path": checkpoint,
        "encoder_weights": encoder_weights,
        "device": None if device is None else torch.device(device),
    }
    return {key: value for key, value in values.items() if value is not None} | dict(map(_key_and_value, pairs or []))


def existing(dataset: Path) -> Path:
    """A data set; that it is missing need not wait until an encoder is downloaded.

    Raises:
        FileNotFoundError: it does not exist.
    """
    if not dataset.exists():
        raise FileNotFoundError(f"{dataset}: does not exist; expected the folder of a data set.")
    return dataset


def _key_and_value(pair: str) -> tuple[str, Any]:
    """Read ``key=value``.

    Raises:
        ValueError: it is something else, or the value is of another kind than the setting.
    """
    from monai_sar.settings import setting_of_text

    key, equals, text = pair.partition("=")
    if not (key and equals):
        raise ValueError(f"--set {pair}: expected key=value, the value as in YAML.")
    return key, setting_of_text(key, text)
