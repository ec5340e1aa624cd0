"""``monai-sar phantoms``: write synthetic scans, so that everything can be tried without a download."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Write synthetic scans with exact lesion masks: no download, no patient.")


@app.callback()
def _phantoms() -> None:
    # keeps the name of the domain needed even while there is only one
    pass


@app.command("brain_mri")
def brain_mri(
    output: Annotated[Path, typer.Argument(help="Folder to write to.", file_okay=False)],
    train_subjects: Annotated[int, typer.Option(min=0, max=5000, help="Normal subjects to train on.")] = 60,
    valid_normal: Annotated[int, typer.Option(min=0, max=1000, help="Normal subjects to validate on.")] = 10,
    valid_abnormal: Annotated[int, typer.Option(min=0, max=1000, help="The same, with a lesion.")] = 8,
    test_normal: Annotated[int, typer.Option(min=0, max=1000, help="Normal subjects to test on.")] = 12,
    test_abnormal: Annotated[int, typer.Option(min=0, max=1000, help="The same, with a lesion.")] = 12,
    slices_per_subject: Annotated[int, typer.Option(min=1, help="The most slices of one subject.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives other subjects.")] = 0,
) -> None:
    """Heads as on FLAIR MRI: slices in BMAD layout (OUTPUT/bmad) and a few NIfTI volumes (OUTPUT/nifti)."""
    from monai_sar.data.phantoms import write_brain_mri_phantoms

    try:
        written = write_brain_mri_phantoms(
            output,
            train=train_subjects,
            valid_normal=valid_normal,
            valid_abnormal=valid_abnormal,
            test_normal=test_normal,
            test_abnormal=test_abnormal,
            slices_per_subject=slices_per_subject,
            seed=seed,
        )
    except OSError as error:  # the folder is in use, or cannot be written to
        typer.echo(f"monai-sar: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"Wrote synthetic scans to {output}" if written else f"{output} holds these scans already")
