"""``monai-sar export``: a trained detector as TorchScript or ONNX."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from monai_sar.cli.bundle_options import BundleFolder, Checkpoint, EncoderWeights, Settings, given_settings
from monai_sar.cli.failure import printable, reported

__all__ = ["export"]


def export(
    bundle: BundleFolder,
    output_file: Annotated[Path, typer.Argument(help="File to write, such as model.onnx or model.ts.", dir_okay=False)],
    file_format: Annotated[
        Literal["torchscript", "onnx"], typer.Option("--format", help="Kind of file.", show_default=False)
    ],
    part: Annotated[
        Literal["detector", "ar_network"],
        typer.Option(help="All from image to map, or from the encoder's features to the score."),
    ] = "detector",
    checkpoint: Checkpoint = None,
    encoder_weights: EncoderWeights = None,
    setting: Settings = None,
) -> None:
    """Write a trained detector as one file that runs without MONAI-SAR.

    Batch and image size stay free. The file says what it is: settings, versions, checkpoint. It is run and compared
    with PyTorch before it stands.

    It reads prepared slices, intensities in [0, 1]: reading scans and scaling their intensities are not in it. A
    detector's file holds the encoder's weights, and their licence goes with it.

    Exit status: 0 done, 2 wrong use, or a file that would not compute the same (it is not written).
    """
    with reported():
        import torch

        from monai_sar.export import export_detector
        from monai_sar.inferers import ScanPredictor

        overrides = given_settings(setting, checkpoint=checkpoint, encoder_weights=encoder_weights)
        predictor = ScanPredictor.from_bundle(bundle, **overrides | {"device": torch.device("cpu")})
        report = export_detector(
            predictor.network,
            output_file,
            file_format=file_format,
            part=part,
            checkpoint_sha256=predictor.checkpoint_sha256,
        )
    tensors = " -> ".join(_name_and_shape(report.metadata[side]) for side in ("input", "output"))
    size = output_file.stat().st_size / 1e6
    typer.echo(printable(f"Wrote {output_file} ({size:.1f} MB, {file_format}): {tensors}"))
    parity = report.parity
    typer.echo(
        f"It differs from PyTorch by at most {parity.max_abs_difference:.2g}, where values reach {parity.largest:.3g} "
        f"({len(parity.sizes)} sizes compared)."
    )
    if report.metadata["encoder_licence"] is not None:
        typer.echo(f"It holds the encoder's weights. Their licence goes with it: {report.metadata['encoder_licence']}.")
    typer.echo(report.metadata["notice"])


def _name_and_shape(tensor: dict[str, Any]) -> str:
    return f"{tensor['name']} [{', '.join(map(str, tensor['shape']))}]"
