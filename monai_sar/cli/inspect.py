"""``monai-sar inspect``: what is in a data set and what is wrong with it."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monai_sar.cli.failure import printable, reported

if TYPE_CHECKING:
    from rich.console import Console

    from monai_sar.datasets.inspection import Inspection, PlaceSummary, ScanInspection, ScanPlaceSummary

__all__ = ["inspect"]

PROBLEMS_FOUND = 1

_WIDTH = 120  # of what goes into a file

_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


def inspect(
    dataset: Annotated[
        Path, typer.Argument(help="A datalist (.json), or a folder such as the one that holds train and test.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Say what is in a data set, a datalist or a folder in BMAD layout, and what is wrong with it.

    Every image and every mask is read. Told are images, patients, sizes, spacing or bit depths, and masks of each
    split and class; what the normal patients of the validation split can promise; errors, such as an unreadable file
    or a patient in two splits; warnings, such as an empty mask; and notes.

    The patients are those that the datalist or manifest.csv (columns file and patient) gives, or those that known file
    names tell.

    Exit status: 0 no errors, 1 errors were found, 2 wrong use.
    """
    with reported():
        inspection = _inspect(dataset)
    if as_json:
        typer.echo(json.dumps({**inspection.to_dict(), "calibration": _promise(inspection)}, indent=2))
    else:
        _print(inspection)
    if inspection.count("error"):
        raise typer.Exit(PROBLEMS_FOUND)


def _inspect(dataset: Path) -> "Inspection | ScanInspection":
    """Look at scans as scans, and at folders of images alone as slices."""
    from monai_sar.datasets.bmad_folder import find_bmad_layout
    from monai_sar.datasets.inspection import holds_scans, inspect_bmad, inspect_scans

    if dataset.is_file() or dataset.suffix.lower() == ".json" or holds_scans(find_bmad_layout(dataset)):
        return inspect_scans(dataset)
    return inspect_bmad(dataset)


def _promise(inspection: "Inspection | ScanInspection") -> dict[str, Any]:
    """Say what the validation split can calibrate: its patients, and the smallest false-positive rate."""
    from monai_sar.calibration.conformal import smallest_rate
    from monai_sar.calibration.promise import promise

    valid = {place.kind: place for place in inspection.places if place.split == "valid"}
    normal, abnormal = (
        place.patients + place.patient_unknown if (place := valid.get(kind)) is not None else 0
        for kind in ("good", "Ungood")
    )
    patients = normal or abnormal
    return {
        "normal_patients": normal,
        "smallest_rate": smallest_rate(patients) if patients else None,
        "sentence": promise(normal, abnormal),
    }


def _print(inspection: "Inspection | ScanInspection") -> None:
    """Print what it is, a table of the places, what can be calibrated, and the findings."""
    from rich.console import Console
    from rich.text import Text

    from monai_sar.datasets.inspection import Inspection
    from monai_sar.datasets.inspection.finding import SEVERITIES

    # names of files are no markup, and a path that is cut in two cannot be copied
    console = Console(markup=False, highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _WIDTH)
    if isinstance(inspection, Inspection):
        layout = inspection.layout
        console.print(printable(f"{layout.root}: BMAD layout {layout.name} ({layout.layout.picture})"))
        told_by = ", ".join(f"{title} ({number} images)" for title, number in inspection.patients_told_by.items())
        console.print(f"Patients told by: {told_by or 'nothing'}")
        _print_table(console, inspection.places)
    else:
        console.print(printable(f"{inspection.data_set}: {sum(place.scans for place in inspection.places)} scans"))
        _print_scan_table(console, inspection.places)
    console.print(f"Calibration on valid: {_promise(inspection)['sentence']}")
    for finding in inspection.findings:
        label = Text(f"{finding.severity.upper()}  ", style=_STYLES[finding.severity])
        console.print(label.append(printable(finding.message), style="default"))
    console.print(", ".join(f"{severity}s: {inspection.count(severity)}" for severity in SEVERITIES))


def _print_table(console: "Console", places: "tuple[PlaceSummary, ...]") -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("split/class", no_wrap=True)
    table.add_column("images", justify="right")
    table.add_column("patients", no_wrap=True)
    table.add_column("rows x columns", no_wrap=True)
    for name in ("pixels", "format", "masks"):
        table.add_column(name)
    for place in places:
        table.add_row(
            f"{place.split}/{place.kind}",
            str(place.images),
            _patients(place),
            _counted(place.sizes),
            _counted(place.pixels),
            _counted(place.formats),
            _masks(place),
        )
    console.print(table, soft_wrap=False)


def _print_scan_table(console: "Console", places: "tuple[ScanPlaceSummary, ...]") -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("split/class", no_wrap=True)
    table.add_column("scans", justify="right", no_wrap=True)
    table.add_column("patients", no_wrap=True)
    table.add_column("voxels", no_wrap=True)
    table.add_column("spacing in mm", no_wrap=True)
    modalities = any(place.modalities.keys() - {"unknown"} for place in places)
    if modalities:
        table.add_column("modality", no_wrap=True)
    table.add_column("masks", no_wrap=True)
    regions = any(place.regions for place in places)
    if regions:
        table.add_column("regions", no_wrap=True)
    for place in places:
        table.add_row(
            f"{place.split}/{place.kind}",
            str(place.scans),
            _patients(place),
            _counted(place.shapes),
            _counted(place.spacings),
            *([_counted(place.modalities)] if modalities else []),
            _masks(place),
            *([str(place.regions)] if regions else []),
        )
    console.print(table, soft_wrap=False)


def _patients(place: "PlaceSummary | ScanPlaceSummary") -> str:
    known = [str(place.patients)] if place.patients else []
    unknown = [f"unknown: {place.patient_unknown}"] if place.patient_unknown else []
    return "\n".join(known + unknown)


def _masks(place: "PlaceSummary | ScanPlaceSummary") -> str:
    # those of normal images are empty as they should be
    empty = f", {place.masks_empty} empty" if place.kind == "Ungood" and place.masks_empty else ""
    return f"{place.masks or 'none'}{empty}"


def _counted(numbers: Mapping[str, int], most: int = 4) -> str:
    """Return the values in a line each, with their numbers where there are several."""
    if len(numbers) == 1:
        return next(iter(numbers))
    lines = [f"{value}: {number}" for value, number in list(numbers.items())[:most]]
    return "\n".join(lines + [f"and {len(numbers) - most} more"] * (len(numbers) > most))
