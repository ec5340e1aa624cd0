"""``monai-sar prepare``: the raw public data sets -> the folders of BMAD."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monai_sar.cli.failure import GOES_ON, SOME_FAILED, printable, reported

if TYPE_CHECKING:
    from monai_sar.prepare import PrepareReport

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Make the folders of BMAD from the raw public data sets.")

_Raw = Annotated[Path, typer.Argument(help="Folder of the raw data set, unpacked.", file_okay=False)]
_Output = Annotated[Path, typer.Argument(help="Folder to write to.", file_okay=False)]
_Seed = Annotated[int, typer.Option(min=0, help="Another seed draws other patients for the splits.")]


@app.command("brats2021")
def brats2021(
    raw: _Raw,
    output: _Output,
    bone: Annotated[
        bool, typer.Option("--bone", help="Store as BMAD does: 8 bit, stretched per slice, in the colours of 'bone'.")
    ] = False,
    seed: _Seed = 0,
) -> None:
    """Brain MRI: axial FLAIR slices 60 to 100 of BraTS 2021.

    A run that was stopped continues where it was. Exit status: 0 all done, 1 some scans failed, 2 wrong use.
    """
    with reported(GOES_ON):
        from monai_sar.prepare import prepare_brats2021

        report = prepare_brats2021(raw, output, bone=bone, seed=seed)
    _tell(report)


@app.command("btcv-lits")
def btcv_lits(
    btcv: Annotated[Path, typer.Argument(help="Folder with img/ and label/ of BTCV.", file_okay=False)],
    lits: Annotated[Path, typer.Argument(help="Folder with the volumes of LiTS.", file_okay=False)],
    output: _Output,
    window: Annotated[
        tuple[float, float], typer.Option(help="Hounsfield units that become black and white: LOW HIGH.")
    ] = (-125.0, 275.0),
    equalize: Annotated[
        bool, typer.Option("--equalize", help="Equalize the histogram of each liver, as BMAD does.")
    ] = False,
    seed: _Seed = 0,
) -> None:
    """Liver CT: cut-outs of the liver, normal ones from BTCV, with tumours from LiTS.

    A run that was stopped continues where it was. Exit status: 0 all done, 1 some scans failed, 2 wrong use.
    """
    with reported(GOES_ON):
        from monai_sar.prepare import prepare_btcv_lits

        report = prepare_btcv_lits(btcv, lits, output, window=window, equalize=equalize, seed=seed)
    _tell(report)


@app.command("resc")
def resc(raw: _Raw, output: _Output, seed: _Seed = 0) -> None:
    """Retinal OCT: the B-scans of the Retinal Edema Segmentation Challenge (AI Challenger 2018).

    A run that was stopped continues where it was. Exit status: 0 all done, 1 some scans failed, 2 wrong use.
    """
    with reported(GOES_ON):
        from monai_sar.prepare import prepare_resc

        report = prepare_resc(raw, output, seed=seed)
    _tell(report)


def _tell(report: "PrepareReport") -> None:
    for failed in report.failed:
        typer.echo(printable(f"FAILED {failed}"), err=True)
    typer.echo(printable(str(report)))
    if report.failed:
        typer.echo(f"{len(report.failed)} scans failed; fix them and call this again for the rest.", err=True)
        raise typer.Exit(SOME_FAILED)
    if not report.written:
        typer.echo("All was there already.")
