"""``monai-sar phantoms``: write synthetic scans, so that everything can be tried without a download."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from monai_sar.cli.failure import printable, reported

__all__ = ["phantoms"]


class Domain(StrEnum):
    """The domains by name, here once more because importing the phantoms themselves takes long."""

    BRAIN_MRI = "brain_mri"
    LIVER_CT = "liver_ct"
    RETINAL_OCT = "retinal_oct"


def phantoms(
    domain: Annotated[Domain, typer.Argument(help="What the scans imitate.")],
    output: Annotated[Path, typer.Argument(help="Folder to write to.", file_okay=False)],
    train_subjects: Annotated[int, typer.Option(min=0, max=5000, help="Normal subjects to train on.")] = 60,
    valid_normal: Annotated[int, typer.Option(min=0, max=1000, help="Normal subjects to validate on.")] = 10,
    valid_abnormal: Annotated[int, typer.Option(min=0, max=1000, help="The same, with a lesion.")] = 8,
    test_normal: Annotated[int, typer.Option(min=0, max=1000, help="Normal subjects to test on.")] = 12,
    test_abnormal: Annotated[int, typer.Option(min=0, max=1000, help="The same, with a lesion.")] = 12,
    slices_per_subject: Annotated[int, typer.Option(min=1, help="The most slices of one subject.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives other subjects.")] = 0,
) -> None:
    """Write synthetic scans with exact lesion masks: no download, no patient.

    Slices in BMAD layout (OUTPUT/bmad) to train and evaluate on, and a few whole scans of other subjects as a scanner
    would export them: heads as on FLAIR MRI in NIfTI; abdomens as on CT in DICOM series, with masks of the liver;
    maculas as on OCT in Ophthalmic Tomography DICOM and in TIFF.
    """
    with reported():
        from monai_sar.phantoms import DOMAINS, write_phantoms

        written = write_phantoms(
            DOMAINS[domain],
            output,
            train=train_subjects,
            valid_normal=valid_normal,
            valid_abnormal=valid_abnormal,
            test_normal=test_normal,
            test_abnormal=test_abnormal,
            slices_per_subject=slices_per_subject,
            seed=seed,
        )
    typer.echo(printable(f"Wrote synthetic scans to {output}" if written else f"{output} holds these scans already"))
