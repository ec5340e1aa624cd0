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
    "literal",
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
    list[str] | None, typer.Option("--set", help="Any other setting of the bundle's config: key=value.")
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
        ValueError: a pair that is none, or another option's text that would be code.
        RuntimeError: no such device.
    """
    import torch

    for name, value in values.items():
        if isinstance(value, str) and value.startswith(("$", "@", "%")):
            raise ValueError(f"{name} is {value!r}: text that begins with {value[0]} is code to a config.")
    values |= {
        "ckpt_path": None if checkpoint is None else literal(checkpoint),
        "encoder_weights": None if encoder_weights is None else literal(encoder_weights),
        "device": None if device is None else torch.device(device),
    }
    return {key: value for key, value in values.items() if value is not None} | dict(map(_key_and_value, pairs or []))


def literal(path: str | Path) -> str:
    """A path as the value of a setting, see ``monai_sar.settings.bundle_config.literal_path``."""
    from monai_sar.settings.bundle_config import literal_path

    return literal_path(path)


def existing(dataset: Path) -> str:
    """A data set as the value of a setting; that it is missing need not wait until an encoder is downloaded.

    Raises:
        FileNotFoundError: it does not exist.
    """
    if not dataset.exists():
        raise FileNotFoundError(f"{dataset}: does not exist; expected the folder of a data set.")
    return literal(dataset)


def _key_and_value(pair: str) -> tuple[str, Any]:
    """Read ``key=value``, the value as in YAML.

    Raises:
        ValueError: it is something else.
    """
    from monai_sar.settings import value_of_text

    key, equals, text = pair.partition("=")
    try:
        value = value_of_text(text)
    except ValueError:
        equals = ""
    if not (key and equals):
        raise ValueError(f"--set {pair}: expected key=value, the value as in YAML.")
    return key, value
