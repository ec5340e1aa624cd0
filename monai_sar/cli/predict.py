"""``monai-sar predict``: anomaly maps of any number of scans."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

if TYPE_CHECKING:
    from monai_sar.inferers import ScanPredictor

__all__ = ["predict"]

SOME_FAILED = 1
WRONG_USE = 2


def predict(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            help="Scans: NIfTI files, DICOM files or folders, images, folders of them, .txt lists of paths."
        ),
    ],
    bundle: Annotated[Path, typer.Option(help="Folder of a trained bundle, such as bundles/brain_mri_anomaly.")],
    output: Annotated[Path, typer.Option(help="Folder to write to; made if it does not exist.")],
    checkpoint: Annotated[
        Path | None, typer.Option(help="Another checkpoint than the bundle's models/model.pt.")
    ] = None,
    encoder_weights: Annotated[
        str | None, typer.Option(help="Weights file of the encoder, if it was trained with one; or 'hub', 'random'.")
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="Score above which a voxel is flagged; gives a mask.")] = None,
    series: Annotated[str | None, typer.Option(help="Series Instance UID, where a DICOM folder holds several.")] = None,
    spacing: Annotated[
        str | None, typer.Option(help="Millimetres between columns, rows and slices of image files: 0.5,0.5,3")
    ] = None,
    axis: Annotated[
        str, typer.Option(help="Plane of the slices: acquisition, axial, coronal or sagittal.")
    ] = "acquisition",
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, cuda:1, ...; by default a GPU if there is one.")
    ] = None,
    amp: Annotated[bool, typer.Option(help="Mixed precision: faster on a GPU, equal to a few thousandths.")] = False,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="Any other setting of the bundle's inference config: key=value.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Do scans again whose result is there already.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON for each scan on standard output.")] = False,
) -> None:
    """Map the anomalies of scans, each in its own geometry.

    For each scan: NAME_anomaly.nii.gz (the map), NAME_overlay.png (look at this first), NAME_report.json (scores,
    versions, what made it), with --threshold also NAME_mask.nii.gz; for DICOM also a Parametric Map and a Segmentation
    for the PACS. A scan is called by its file's name, a DICOM series by its hash, because its folder may be called by
    the patient.

    What is there already is not done again: a run that was stopped continues where it was. A scan that cannot be read
    is named and left out.

    Many scans on many processes: torchrun --nproc_per_node 4 -m monai_sar.cli predict ...

    Exit status: 0 all done, 1 some scans failed, 2 wrong use.
    """
    from monai_sar.cli.process_group import ProcessGroup
    from monai_sar.data.scans import ScanError, find_scans
    from monai_sar.inferers import ScanPredictor

    try:
        overrides = _overrides(
            checkpoint, encoder_weights, threshold, series, spacing, axis, device, amp, setting or []
        )
        scans = find_scans(inputs)
        predictor = ScanPredictor.from_bundle(bundle, **overrides)
        output.mkdir(parents=True, exist_ok=True)
    except (ScanError, ValueError, OSError, RuntimeError) as error:
        from monai_sar._root_cause import root_cause

        typer.echo(f"monai-sar: {root_cause(error)}", err=True)
        raise typer.Exit(WRONG_USE) from None
    with ProcessGroup() as group:
        failed = 0
        for number, scan in enumerate(scans):
            if number % group.size != group.rank:
                continue
            outcome = _predict_one(predictor, scan, output, overwrite=overwrite)
            failed += outcome["status"] == "failed"
            if as_json:
                typer.echo(json.dumps(outcome))
            else:
                typer.echo(f"[{number + 1}/{len(scans)}] {_in_words(outcome)}", err=outcome["status"] == "failed")
        failed = group.sum(failed)
    if failed:
        if group.rank == 0 and not as_json:
            typer.echo(f"{failed} of {len(scans)} scans failed; each is named above.", err=True)
        raise typer.Exit(SOME_FAILED)


def _overrides(
    checkpoint: Path | None,
    encoder_weights: str | None,
    threshold: float | None,
    series: str | None,
    spacing: str | None,
    axis: str,
    device: str | None,
    amp: bool,
    settings: list[str],
) -> dict[str, Any]:
    """The options under the names of the inference config; what was not given is not there."""
    import torch

    given: dict[str, Any] = {
        "ckpt_path": None if checkpoint is None else str(checkpoint),
        "encoder_weights": encoder_weights,
        "threshold": threshold,
        "series_uid": series,
        "spacing": None if spacing is None else [float(mm) for mm in spacing.split(",")],
        "slice_axis": axis,
        "device": None if device is None else torch.device(device),
        "amp": amp or None,
    }
    for pair in settings:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"--set {pair}: expected key=value.")
        given[key] = yaml.safe_load(value)
    return {key: value for key, value in given.items() if value is not None}


def _predict_one(predictor: "ScanPredictor", scan: Path, output: Path, *, overwrite: bool) -> dict[str, Any]:
    """Predict and write one scan; whatever goes wrong with it is its own outcome, and the others go on."""
    from monai_sar._root_cause import root_cause
    from monai_sar.writers.result import is_written, report_path

    try:
        item = predictor.prepare(scan)
        report = report_path(item["image"], output)
        if not overwrite and is_written(item["image"], output, predictor.identity):
            return {"scan": str(scan), "status": "there already", "report": str(report)}
        result = predictor.run(item)
        result.save(output)
    except Exception as error:  # one scan must not end the others
        cause = root_cause(error)
        known = isinstance(cause, (ValueError, OSError, MemoryError))
        return {
            "scan": str(scan),
            "status": "failed",
            "error": str(cause) if known else f"{type(cause).__name__}: {cause}",
        }
    return {"scan": str(scan), "status": "done", "report": str(report), "score": result.score}


def _in_words(outcome: dict[str, Any]) -> str:
    if outcome["status"] == "failed":
        return f"FAILED {outcome['error']}"
    score = f", score {outcome['score']:.4g}" if "score" in outcome else ""
    return f"{outcome['scan']}: {outcome['status']}{score} -> {os.path.relpath(outcome['report'])}"
