"""``monai-sar split``: a folder of scans becomes a datalist, divided by patient."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monai_sar.cli.failure import printable, reported

if TYPE_CHECKING:
    from monai_sar.datasets.split_folder import FolderSplit

__all__ = ["split"]


def split(
    folder: Annotated[Path, typer.Argument(help="Folder of scans: NIfTI, DICOM series, images; sub-folders too.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The datalist to write: a new .json file.")],
    image_suffix: Annotated[
        str | None, typer.Option(help="Take only scans whose name ends so: _flair.nii.gz, or _ct for folders.")
    ] = None,
    lesion_suffix: Annotated[
        str | None, typer.Option(help="How the masks of their lesions end instead: _seg.nii.gz.")
    ] = None,
    region_suffix: Annotated[
        str | None, typer.Option(help="How the masks of the region to score end instead: _liver.nii.gz.")
    ] = None,
    valid: Annotated[float | None, typer.Option(help="Share of the patients for validation. Default: 0.2.")] = None,
    test: Annotated[float, typer.Option(help="Share of the patients for testing.")] = 0.2,
    folds: Annotated[int | None, typer.Option(help="So many folds in place of a validation split.")] = None,
    train_on_lesion_scans: Annotated[
        bool, typer.Option("--train-on-lesion-scans", help="Scans with lesions go into all splits.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Another seed draws other patients.")] = 0,
) -> None:
    """Divide a folder of scans by patient and write a datalist (JSON) that training, evaluation and inspect take.

    A patient is told by manifest.csv in the folder, the PatientID of DICOM, a known naming of files, one folder per
    patient, or the name before the suffix. The datalist calls patients P0001, P0002, ...; the paths in it are yours.

    Scans with lesions go to validation and testing, because training learns what is normal. Where every patient has a
    lesion, give --train-on-lesion-scans: training then leaves out the slices that show one. A scan with an empty mask
    is normal.

    Exit status: 0 written, 2 wrong use.
    """
    with reported():
        from monai_sar.datasets import DatasetError
        from monai_sar.datasets.split_folder import split_folder, write_datalist
        from monai_sar.datasets.split_patients import SplitShares

        if folds is not None and valid is not None:
            raise DatasetError("Got --valid and --folds; expected one of them: the folds take turns in validation.")
        if output.exists():  # before long work
            raise DatasetError(f"{output}: is there already; expected a new file. Give another name, or remove it.")
        divided = split_folder(
            folder,
            SplitShares(
                valid=0.2 if valid is None else valid,
                test=test,
                folds=folds,
                train_on_lesion_scans=train_on_lesion_scans,
                seed=seed,
            ),
            image_suffix=image_suffix,
            lesion_suffix=lesion_suffix,
            region_suffix=region_suffix,
        )
        write_datalist(divided, output)
    _print(divided, output)


def _print(divided: "FolderSplit", output: Path) -> None:
    """Print what told the patients, and what went where."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(markup=False, highlight=False, soft_wrap=True)
    told_by = ", ".join(f"{what} ({number} scans)" for what, number in divided.told_by.items())
    console.print(printable(f"Patients told by: {told_by}"))
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("split", no_wrap=True)
    for name in ("patients", "of them normal", "scans", "with lesion"):
        table.add_column(name, justify="right")
    for key, items in divided.items.items():
        for fold in sorted({item.get("fold", -1) for item in items}):
            rows = [item for item in items if item.get("fold", -1) == fold]
            patients = {item["patient"] for item in rows}
            table.add_row(
                key if fold < 0 else f"{key}, fold {fold}",
                str(len(patients)),
                str(len(patients - {item["patient"] for item in rows if item["abnormal"]})),
                str(len(rows)),
                str(sum(item["abnormal"] for item in rows)),
            )
    console.print(table, soft_wrap=False)
    console.print(printable(f"Wrote {output}. Next: monai-sar inspect {output}"))
