"""The method, its rivals and plain intensity on whole volumes, cross-validated over patients.

    python -m benchmarks.volumes bundles/brain_mri_anomaly DATALIST --set encoder_name=vit_tiny_patch16_224 \
        --set encoder_weights=vit_tiny_patch16_224_augreg.pth --set "image_size=[320, 320]" --set max_epochs=12

The patients of training and validation are divided into folds. In turn the volumes of one fold are scored, the next
fold validates (early stopping), and normal slices of the others train: ours by the bundle's own training, in a process
each, and the rivals on the same embeddings. Scores of patches become a map in one way for all: the second witness, the
smoothing in the plane, the upsampling and the smoothing across slices are the package's, with the bundle's settings.
Voxels are ranked at full resolution inside the region. A setting is better if the interval of its difference, patient
by patient, is above 0.

Testing is not read, unless ``--test`` is given: that trains on training, validates on validation and scores testing,
once, at the end. Embeddings, trainings and the scores of patches are kept in ``--work``, each under a hash of all that
it depends on.
"""

from pathlib import Path
from typing import Annotated, Literal

import torch
import typer

from benchmarks.interleaved import conditions
from benchmarks.patient_folds import cross_validation, test_split
from benchmarks.trained_bundle import training_settings
from benchmarks.volume_comparison import CANDIDATES, Comparison, Measured, patchcore_share
from benchmarks.volume_figures import difference, mean_over_patients
from benchmarks.volume_rows import OURS
from monai_sar.cli.bundle_options import Settings, given_settings
from monai_sar.metrics.patient_bootstrap import Estimate, PatientBootstrap


def main(
    bundle: str,
    datalist: Annotated[Path, typer.Argument(help="JSON with training, validation and testing; patients are named.")],
    folds: Annotated[int, typer.Option(help="Parts of the patients of training and validation.")] = 5,
    test: Annotated[bool, typer.Option("--test", help="Score testing in place of folds: once, at the end.")] = False,
    rows: Annotated[list[str] | None, typer.Option("--row", help="Only these rows, beside ours.")] = None,
    bank: Annotated[int, typer.Option(help="Patches that a nearest-neighbour rival keeps at most.")] = 20_000,
    usual: Annotated[
        Literal["train", "valid"],
        typer.Option(help="Normal slices that tell what is usual; the package: train. Banks know those: see README."),
    ] = "train",
    pairs: Settings = None,
    seed: Annotated[int, typer.Option(help="Of the folds, the rivals and the intervals.")] = 0,
    work: Annotated[Path, typer.Option(help="Embeddings, checkpoints and scores are kept here.")] = Path("volumes"),
    threads: int = 1,
) -> None:
    """Measure and print a table."""
    torch.set_num_threads(threads)
    given = given_settings(pairs)
    divided = [test_split(datalist)] if test else cross_validation(datalist, folds, seed=seed)
    comparison = Comparison(bundle, training_settings(work, **given), work, rows, bank, usual, seed)
    measured = comparison.measure(divided)
    kind = "testing" if test else f"{folds} folds of training and validation, seed {seed}"
    print(f"\n{Path(bundle).name}, {kind}; {conditions()}")
    print(f"settings: {', '.join(f'{name} {value}' for name, value in given.items()) or 'the bundle'}")
    print(
        f"{measured.patients} patients; {measured.voxels} voxels in the region, {measured.of_lesions} of lesions; "
        f"normal slices of {usual} tell what is usual; our caps: AnomalyDINO keeps {bank} patches drawn at random, "
        f"PatchCore {round(100 * patchcore_share(bank), 1):g} % of {CANDIDATES}\n"
    )
    print_table(measured, seed)


def print_table(measured: Measured, seed: int) -> None:
    """Voxels of all patients together, means over patients, and what they are above ours; with intervals of 95 %."""
    bootstrap = PatientBootstrap(measured.patients, seed=seed)
    ours = measured.figures[OURS]
    print("| | pooled AUROC | pooled AP | mean AUROC | mean AP | AUROC - ours | AP - ours |\n" + "|---" * 7 + "|")
    for name, figures in measured.figures.items():
        means = [mean_over_patients(values, bootstrap) for values in (figures.auroc, figures.ap)]
        pairs = [(figures.auroc, ours.auroc), (figures.ap, ours.ap)]
        above = [f"{_cell(difference(*pair, bootstrap), '+.3f')}" if name != OURS else "" for pair in pairs]
        cells = [f"{figures.pooled_auroc:.3f}", f"{figures.pooled_ap:.3f}", *(_cell(mean, ".3f") for mean in means)]
        print(f"| {name} | " + " | ".join([*cells, *above]) + " |")


def _cell(estimate: Estimate, digits: str) -> str:
    if estimate.value is None:
        return "-"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:{digits}}"
    return f"{estimate.value:{digits}} ({estimate.low:{digits}} to {estimate.high:{digits}})"


if __name__ == "__main__":
    typer.run(main)
