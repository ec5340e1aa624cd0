"""Whether what a calibration promises holds for volumes: phantoms of normal heads.

    python -m benchmarks.promises

Some normal volumes train a detector. A pool of others is scored once, by the code that predicts. Then, many times, 19
or 39 patients of the pool are drawn to calibrate on, by the package's own code, and the rest are new patients: how many
of them get a p-value of at most 0.05, 0.1, 0.2, and which share of their voxels lies above the thresholds for 5 % and
10 %.

Every draw of one pool is as probable as any other, so p-values are exact on average over draws, by construction: their
rows check the program. Voxels have a bound only, and nothing pins where below it they lie. The third part of
the table is what a user gets: patients who have chosen the epoch, too, calibrate, once, and the whole pool is new.

Last, slices of 19 patients calibrate: the package then refuses a p-value to volumes, and flags voxels all the same.

The interval is a bootstrap over new patients, calibrations as they were drawn: it tells how far the mean would move if
other patients were new. One draw varies far more: its number of patients with a small p-value follows a beta-binomial
distribution, whose 95 % range stands beside the one of the draws.
"""

import json
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import torch
import typer
from monai.data import Dataset
from scipy.stats import betabinom
from tqdm import tqdm

from benchmarks.interleaved import conditions
from benchmarks.trained_bundle import BundleTraining, training_settings
from monai_sar.calibration import Calibration, PatientScores, calibration_from_scores
from monai_sar.calibration.patient_scores import by_patient
from monai_sar.datasets import load_normal_scans
from monai_sar.engines.score_patients import score_patients
from monai_sar.metrics.patient_bootstrap import PatientBootstrap
from monai_sar.phantoms import DOMAINS, write_phantoms
from monai_sar.settings.bundle_config import read_bundle_config

P_VALUES = (0.05, 0.1, 0.2)
RATES = (0.05, 0.1)
"""Of voxels."""

RANGE = (0.025, 0.975)

NOBODY = dict.fromkeys(
    ("train", "valid_normal", "valid_abnormal", "test_normal", "test_abnormal", "volumes_normal", "volumes_abnormal"), 0
)
"""Of phantoms."""

SETTINGS = {"mode": "bidirectional", "dilations": [1], "feature_scaling": "standardize", "smoothing": 0}
"""Of a random encoder and small images, as in ``make demo``."""

Outcome = Callable[[Calibration, PatientScores], float]
"""What a calibration makes of a new patient: a share."""

Range = tuple[float, float]


class Draw(NamedTuple):
    """A calibration, and the patients who are new to it, by their numbers in the pool."""

    calibration: Calibration
    new: npt.NDArray[np.int_]


def main(
    bundle: str = "bundles/brain_mri_anomaly",
    work: Annotated[Path, typer.Option(help="For phantoms, embeddings and the training.")] = Path("promises"),
    encoder_name: str = "vit_tiny_patch16_224",
    encoder_weights: str = "random",
    image_size: tuple[int, int] = (112, 112),
    train: Annotated[int, typer.Option(help="Patients to train on.")] = 24,
    valid: Annotated[int, typer.Option(help="Patients who choose the epoch.")] = 39,
    pool: Annotated[int, typer.Option(help="Patients who are scored, and drawn from.")] = 120,
    draws: int = 1000,
    max_epochs: int = 10,
    seed: int = 0,
    quick: bool = False,
) -> None:
    """Measure, and print a table; with --quick 80 patients, 100 draws and 3 epochs."""
    if quick:
        pool, draws, max_epochs = 80, 100, 3
    torch.set_num_threads(1)
    print(f"{pool} patients; {encoder_name} ({encoder_weights}), {image_size} px; {conditions()}\n")
    datalist = write_volumes(work, {"training": train, "validation": valid, "testing": pool}, seed)
    settings = training_settings(
        work,
        dataset_dir=str(datalist.resolve()),
        encoder_name=encoder_name,
        encoder_weights=encoder_weights,
        image_size=list(image_size),
        max_epochs=max_epochs,
        seed=seed,
        **(SETTINGS if encoder_weights == "random" else {}),
    )
    detector = BundleTraining(bundle, work, settings).run().detector
    parser = read_bundle_config(bundle, "train", parts=["preprocessing", "inferer"], overrides=settings)

    def score(data: Path, split: Literal["valid", "test"]) -> list[PatientScores]:
        scans = load_normal_scans(data, split)
        items = cast("Sequence[dict[str, Any]]", Dataset(scans, parser.get_parsed_content("preprocessing")))
        groups = by_patient([scan.get("patient") for scan in scans])
        return list(score_patients(detector, items, groups, inferer=parser.get_parsed_content("inferer")))

    scored = score(datalist, "test")
    print("| | promised | realised, mean | interval | 95 % of draws | beta-binomial |\n|---|---|---|---|---|---|")
    for patients in (19, 39):
        print_rows(f"{patients} patients", redraw(scored, patients, draws=draws, seed=seed), scored, RATES)
    everybody = np.arange(len(scored))
    own = detector.calibration
    if own is None:
        raise RuntimeError("The training left no calibration; expected one, as of every training.")
    print_rows(f"{own.units} patients, who chose the epoch", [Draw(own, everybody)], scored, own.rates)
    of_slices = calibration_from_scores(score(write_slices(work, seed), "valid"), RATES, unit="patient")
    print_rows(f"slices of {of_slices.units} patients", [Draw(of_slices, everybody)], scored, RATES)
    print(f"\np-value of a volume after calibration on slices: {of_slices.why_no_p_value(kind='volumes')}")


def write_volumes(work: Path, counts: dict[str, int], seed: int) -> Path:
    """Write normal phantoms of the head, and the datalist that says who is in which split."""
    total = sum(counts.values())
    root = work / f"volumes_{total}_{seed}"
    write_phantoms(DOMAINS["brain_mri"], root, **NOBODY | {"volumes_normal": total}, seed=seed)
    images = iter(sorted((root / "nifti").glob("*_flair.nii.gz")))
    listed = {
        split: [{"image": str(image.relative_to(root)), "patient": image.name[:12]} for image in islice(images, count)]
        for split, count in counts.items()
    }
    datalist = root / f"{'_'.join(map(str, counts.values()))}.json"
    datalist.write_text(json.dumps(listed, indent=2) + "\n")
    return datalist


def write_slices(work: Path, seed: int) -> Path:
    """Write slices of 19 other normal patients to calibrate on."""
    root = work / f"slices_{seed}"
    write_phantoms(DOMAINS["brain_mri"], root, **NOBODY | {"train": 1, "valid_normal": 19}, seed=seed)
    return root / "bmad"


def redraw(pool: Sequence[PatientScores], patients: int, *, draws: int, seed: int) -> list[Draw]:
    """Calibrate on so many patients of a pool, again and again; the rest are new."""
    generator = np.random.default_rng(seed)
    orders = [generator.permutation(len(pool)) for _ in range(draws)]
    return [
        Draw(calibration_from_scores([pool[i] for i in order[:patients]], RATES, unit="patient"), order[patients:])
        for order in tqdm(orders, desc=f"{patients} patients", disable=None)
    ]


def print_rows(what: str, draws: Sequence[Draw], pool: Sequence[PatientScores], rates: Sequence[float]) -> None:
    """Print what came of every promise that is made to volumes."""
    first = draws[0]
    if first.calibration.why_no_p_value(kind="volumes") is None:
        for p in P_VALUES:
            expected = one_draw(len(first.calibration.scan_scores), len(first.new), p)
            print(
                f"| {what}: p at most {p:g} | {p:.1%} | {realised(draws, pool, small_p_value(p))} | {_text(expected)} |"
            )
    for rate in rates:
        print(f"| {what}: voxels | {rate:.1%} | {realised(draws, pool, flagged_share(rate))} | |", flush=True)


def realised(draws: Sequence[Draw], pool: Sequence[PatientScores], outcome: Outcome) -> str:
    """Mean over draws of the mean over new patients, its interval, and the range of the draws."""
    shares = [np.array([outcome(draw.calibration, pool[i]) for i in draw.new]) for draw in draws]
    times_new = np.bincount(np.concatenate([draw.new for draw in draws]), minlength=len(pool)).astype(np.float64)
    total = np.bincount(
        np.concatenate([draw.new for draw in draws]), np.concatenate(shares), minlength=len(pool)
    ).astype(np.float64)
    found = PatientBootstrap(len(pool)).share(total, times_new, n=len(pool), of="patients")
    of_draws = np.quantile([share.mean() for share in shares], RANGE) if len(draws) > 1 else None
    interval = "" if found.low is None or found.high is None else _text((found.low, found.high))
    return f"{found.value or 0:.1%} | {interval} | {'' if of_draws is None else _text(of_draws)}"


def small_p_value(at_most: float) -> Outcome:
    """Whether the only scan of a patient has a p-value so small."""

    def outcome(calibration: Calibration, patient: PatientScores) -> float:
        found = calibration.p_value(patient.scans[0], kind=patient.kind)
        return float(found is not None and found <= at_most)

    return outcome


def flagged_share(rate: float) -> Outcome:
    """Share of a patient's voxels above the threshold; up to 0.01 % larger than it is (see ``upper_levels``)."""

    def outcome(calibration: Calibration, patient: PatientScores) -> float:
        below = np.searchsorted(patient.pixels, calibration.pixel_threshold(rate), side="right")
        return float(1 - below / patient.pixels.size)

    return outcome


def one_draw(units: int, new: int, rate: float) -> Range:
    """In which range the share of new patients with a p-value of at most ``rate`` lies in 95 % of draws.

    A new patient is flagged whose score is among the ``k = floor((n + 1) * rate)`` highest with those of the n. Given
    these, the probability of that follows Beta(k, n + 1 - k), so the number among new patients is beta-binomial.
    """
    k = int((units + 1) * rate + 1e-9)
    low, high = betabinom(new, k, units + 1 - k).ppf(RANGE) / new
    return float(low), float(high)


def _text(ends: Sequence[float] | npt.NDArray[np.float64]) -> str:
    return f"{ends[0]:.1%} to {ends[1]:.1%}"


if __name__ == "__main__":
    typer.run(main)
