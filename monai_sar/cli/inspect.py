"""``monai-sar inspect``: what is in a data set and what is wrong with it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monai_sar.cli.failure import printable, reported

if TYPE_CHECKING:
    from rich.console import Console

    from monai_sar.datasets.inspection import Inspection, PlaceSummary

__all__ = ["inspect"]

PROBLEMS_FOUND = 1

_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


def inspect(
    dataset: Annotated[Path, typer.Argument(help="Folder of one data set, such as the one that holds train and test.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Say what is in a data set in BMAD layout, and what is wrong with it.

    Every image and every mask is read. Told are the layout, images, patients, sizes, bit depths and masks of each
    split and class; errors, such as an unreadable file or a patient in two splits; warnings, such as an empty mask;
    and notes.

    The patients are those in manifest.csv (columns file and patient), or those that known file names tell.

    Exit status: 0 no errors, 1 errors were found, 2 wrong use.
    """
    with reported():
        from monai_sar.datasets.inspection import inspect_bmad

        inspection = inspect_bmad(dataset)
    if as_json:
        typer.echo(json.dumps(inspection.to_dict(), indent=2))
    else:
        _print(inspection)
    if inspection.count("error"):
        raise typer.Exit(PROBLEMS_FOUND)


def _print(inspection: "Inspection") -> None:
    """Print the layout, a table of the places, and the findings."""
    from rich.console import Console
    from rich.text import Text

    from monai_sar.datasets.inspection.finding import SEVERITIES

    # names of files are no markup, and a path that is cut in two cannot be copied
    console = Console(markup=False, highlight=False, soft_wrap=True)
    layout = inspection.layout
    console.print(printable(f"{layout.root}: BMAD layout {layout.name} ({layout.layout.picture})"))
    told_by = ", ".join(f"{title} ({number} images)" for title, number in inspection.patients_told_by.items())
    console.print(f"Patients told by: {told_by or 'nothing'}")
    _print_table(console, inspection.places)
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


def _patients(place: "PlaceSummary") -> str:
    known = [str(place.patients)] if place.patients else []
    unknown = [f"unknown: {place.patient_unknown}"] if place.patient_unknown else []
    return "\n".join(known + unknown)


def _masks(place: "PlaceSummary") -> str:
    # those of normal images are empty as they should be
    empty = f", {place.masks_empty} empty" if place.kind == "Ungood" and place.masks_empty else ""
    return f"{place.masks or 'none'}{empty}"


def _counted(numbers: Mapping[str, int], most: int = 4) -> str:
    """Return the values in a line each, with their numbers where there are several."""
    if len(numbers) == 1:
        return next(iter(numbers))
    lines = [f"{value}: {number}" for value, number in list(numbers.items())[:most]]
    return "\n".join(lines + [f"and {len(numbers) - most} more"] * (len(numbers) > most))
