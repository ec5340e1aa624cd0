"""``monai-sar predict``: anomaly maps of any number of scans."""

import json
import logging
import math
import os
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monai_sar._atomic import remove_leftovers
from monai_sar._root_cause import reason
from monai_sar.cli.bundle_options import BundleOption, Checkpoint, Device, EncoderWeights, Settings, given_settings
from monai_sar.cli.failure import GOES_ON, SOME_FAILED, printable, reported, show_traceback

if TYPE_CHECKING:
    from monai_sar.cli.scans_to_predict import ToPredict
    from monai_sar.inferers import ScanPredictor

__all__ = ["predict"]

A_PART = (
    "other slices of the same DICOM series lie in another folder, which is a scan of its own with a score of its own; "
    "put all files of the series into one folder"
)


def predict(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            help="Scans: NIfTI files, DICOM files or folders, images, folders of them, .txt lists of paths."
        ),
    ],
    bundle: BundleOption,
    output: Annotated[Path, typer.Option(help="Folder to write to; made if it does not exist.")],
    checkpoint: Checkpoint = None,
    encoder_weights: EncoderWeights = None,
    threshold: Annotated[
        float | None, typer.Option(help="Score above which a voxel is flagged, instead of a calibrated one.")
    ] = None,
    false_positive_rate: Annotated[
        float | None,
        typer.Option(
            help="Share of a normal patient's voxels that the mask may flag; one that the checkpoint is calibrated "
            "for, by default 0.05, or else the smallest."
        ),
    ] = None,
    series: Annotated[str | None, typer.Option(help="Series Instance UID, where a DICOM folder holds several.")] = None,
    volume: Annotated[
        int | None,
        typer.Option(
            min=0, help="Which volume, where a NIfTI, NRRD, MetaImage or MGH file holds several; counted from 0."
        ),
    ] = None,
    spacing: Annotated[
        str | None,
        typer.Option(
            help="Millimetres between columns, rows and slices of image files: 0.5,0.5,3. With it the images in a "
            "folder are the slices of one scan; without it each is a scan of its own."
        ),
    ] = None,
    axis: Annotated[
        str | None,
        typer.Option(help="Plane of the slices: axial, coronal, sagittal, acquisition or as_stored."),
    ] = None,
    region: Annotated[
        Path | None,
        typer.Option(help="Mask of what to score in the one scan that is given, such as the liver, on its grid."),
    ] = None,
    region_suffix: Annotated[
        str | None,
        typer.Option(help="The same for many scans: what the name of the mask has in the place of --image-suffix."),
    ] = None,
    lesion_suffix: Annotated[
        str | None,
        typer.Option(
            help="What the name of the outline of known lesions has in the place of --image-suffix: they are drawn, "
            "and the report says how many are found, Dice and average precision."
        ),
    ] = None,
    image_suffix: Annotated[
        str | None, typer.Option(help="Take only scans whose name ends so: _flair.nii.gz, or _ct for folders.")
    ] = None,
    device: Device = None,
    amp: Annotated[
        bool | None, typer.Option(help="Mixed precision: faster on a GPU, equal to a few thousandths.")
    ] = None,
    setting: Settings = None,
    overwrite: Annotated[bool, typer.Option(help="Do scans again whose result is there already.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON for each scan on standard output.")] = False,
) -> None:
    """Map the anomalies of scans, each in its own geometry.

    For each scan: NAME_anomaly.nii.gz (the map), NAME_overlay.png (look at this first), NAME_report.json (scores,
    versions, what made it), with a threshold, given or calibrated, also NAME_mask.nii.gz; for DICOM also a
    Parametric Map and a Segmentation for the PACS. A calibrated checkpoint gives a p-value too. A scan is called by
    its file's name, a DICOM series by its hash, because its folder may be called by the patient.

    What is there already is not done again: a run that was stopped continues where it was. A scan that cannot be read
    is named and left out. Two runs may share a folder: of a scan that another one is at, this one says so, and waits.

    Many scans on many processes: torchrun --nproc_per_node 4 -m monai_sar.cli predict ...

    Exit status: 0 all done, 1 some scans failed, 2 wrong use.
    """
    with reported("Interrupted." if overwrite else GOES_ON):
        _hush()
        from monai_sar.cli.process_group import ProcessGroup
        from monai_sar.cli.scans_to_predict import scans_to_predict
        from monai_sar.inferers import ScanPredictor
        from monai_sar.scans.dicom_divided import folders_of_divided_series

        group = ProcessGroup()
        overrides = given_settings(
            setting,
            checkpoint=checkpoint,
            device=device,
            encoder_weights=encoder_weights,
            threshold=threshold,
            false_positive_rate=false_positive_rate,
            series_uid=series,
            volume=volume,
            spacing=None if spacing is None else _millimetres(spacing),
            slice_axis=axis,
            amp=amp,
            image_suffix=image_suffix,
            lesion_suffix=lesion_suffix,
            region_suffix=region_suffix,
        )
        to_predict = scans_to_predict(
            inputs,
            output,
            stacks=spacing is not None,
            image_suffix=overrides.get("image_suffix"),
            mask_suffixes=[overrides[key] for key in ("lesion_suffix", "region_suffix") if overrides.get(key)],
        )
        scans, problems = to_predict.scans, to_predict.problems
        if region is not None and len(scans) > 1:
            raise ValueError(f"--region {region}: is the mask of one scan, found {len(scans)}; use --region-suffix.")
        partial = folders_of_divided_series(scans)
        predictor = ScanPredictor.from_bundle(bundle, **overrides)
        _make_folder(output)
        if group.rank == 0:
            _tell_left_out(to_predict)
        with group:
            failed = 0
            for problem in problems if group.rank == 0 else ():
                failed += 1
                if as_json:
                    typer.echo(json.dumps({"scan": None, "status": "failed", "error": str(problem)}))
                else:
                    typer.echo(printable(f"FAILED {problem}"), err=True)
            for number, scan in enumerate(scans):
                if number % group.size != group.rank:
                    continue
                outcome = _predict_one(
                    predictor,
                    scan,
                    output,
                    region=region,
                    overwrite=overwrite,
                    partial=scan in partial,
                    found=scan not in to_predict.named,
                )
                failed += outcome["status"] == "failed"
                if as_json:
                    typer.echo(json.dumps(outcome))
                else:
                    _tell(outcome, f"[{number + 1}/{len(scans)}]")
            failed = group.sum(failed)
    if failed:
        if group.rank == 0 and not as_json:
            typer.echo(f"{failed} of {len(scans) + len(problems)} scans failed; each is named above.", err=True)
        raise typer.Exit(SOME_FAILED)


def _tell_left_out(to_predict: "ToPredict") -> None:
    if results := to_predict.results:
        typer.echo(f"Left out {len(results)} masks or results, such as {printable(results[0])}", err=True)
    if others := to_predict.others:
        typer.echo(f"Left out {len(others)} files that are no scans, such as {printable(others[0])}", err=True)


def _hush() -> None:
    """Keep from the user what MONAI says to all whose machine has no codec of NVIDIA's; DICOM is read without it."""
    logging.getLogger("monai.data.nvimgcodec_pydicom_plugin").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="NvImgCodecPydicomReader")


def _millimetres(text: str) -> list[float]:
    try:
        lengths = [float(length) for length in text.split(",")]
    except ValueError:
        lengths = []
    if len(lengths) != 3 or not all(math.isfinite(length) and length > 0 for length in lengths):
        raise ValueError(f"--spacing {text}: expected three lengths above 0 in millimetres, such as 0.5,0.5,3.")
    return lengths


def _make_folder(output: Path) -> None:
    """Make the output folder, see that it can be written to, and clear what killed runs have left half written."""
    if output.exists() and not output.is_dir():
        raise ValueError(f"{output}: is a file; --output names a folder.")
    output.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=output).close()
    remove_leftovers([output])


def _predict_one(
    predictor: "ScanPredictor",
    scan: Path,
    output: Path,
    *,
    region: Path | None,
    overwrite: bool,
    partial: bool,
    found: bool,
) -> dict[str, Any]:
    """Predict and write one scan: perhaps a partial one (of a series in several folders), or found in a folder.

    Whatever goes wrong with it is its own outcome, and the others go on.
    """
    from monai_sar.results.report import told_notes
    from monai_sar.results.write_result import find_report, report_path, result_lock, write_result
    from monai_sar.scans.scan import ScanError
    from monai_sar.scans.scan_origin import ScanOrigin, add_note

    try:
        item = predictor.prepare(scan, region=region)
        if found and ScanOrigin.of(item["image"]).two_values:
            raise ScanError(
                f"{scan}: has two values, as a mask has, and was found in a folder; if it is a scan, give its own "
                "path, else say how masks are called: --lesion-suffix, --region-suffix."
            )
        if partial:
            add_note(item["image"], A_PART)
        known = item["image"][:0].clone()  # what is known of it, without its voxels
        with result_lock(known, output).waited_for():  # then what another run was making is there already
            report = None if overwrite else find_report(item, output, predictor.identity)
            status = "done" if report is None else "there already"
            if report is None:
                result = predictor.run(item)
                item.clear()  # the image, which is large, is needed no more
                report = write_result(result, output)
                warnings = report["warnings"]
            else:  # the report may be that of another folder with the same slices, with notes of its own
                warnings = told_notes(known)
        return {
            "scan": str(scan),
            "status": status,
            "report": str(report_path(known, output)),
            "score": report["score"]["scan"],
            "p_value": report["score"]["p_value"],
            "p_value_note": report["score"]["p_value_note"],
            "input_check": report["input_check"],
            "warnings": warnings,
        }
    except Exception as error:  # one scan must not end the others
        show_traceback()
        why = " ".join(reason(error).split())
        named = why if why.startswith(str(scan)) else f"{scan}: {why}"
        return {"scan": str(scan), "status": "failed", "error": named}


def _tell(outcome: dict[str, Any], position: str) -> None:
    if outcome["status"] == "failed":
        typer.echo(printable(f"{position} FAILED {outcome['error']}"), err=True)
        return
    from monai_sar.calibration.scan_p_value import p_value_in_words

    report = os.path.relpath(outcome["report"])
    p_value = p_value_in_words(outcome["p_value"], outcome["p_value_note"])
    score = f"score {outcome['score']:.4g}" + (f", {p_value}" if p_value else "")
    typer.echo(printable(f"{position} {outcome['scan']}: {outcome['status']}, {score} -> {report}"))
    check = outcome["input_check"]
    for warning in [*outcome["warnings"], *([check["note"]] if check["ok"] is False else [])]:
        typer.echo(printable(f"{position} {outcome['scan']}: note: {warning}"), err=True)
