"""Where the time goes: a training epoch through the bundle, and a prediction by ``monai-sar predict``, on the CPU.

    python -m benchmarks.profile_time

ViT-S/16 of DINOv3 with random weights, 448 px, one thread. Trained are phantoms whose embeddings are stored already, as
in every epoch but the first; predicted is a phantom of 240 x 240 x 155 voxels in NIfTI. The profiler's clock is that of
the processor. Importing Python's packages is left out, which takes some seconds once per command.
"""

import cProfile
import pstats
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import monai.bundle
import nibabel
import numpy as np
import torch
import typer
from scipy.ndimage import zoom

from benchmarks.interleaved import conditions
from monai_sar.cli import app
from monai_sar.phantoms import DOMAINS, write_phantoms

BUNDLE = Path(__file__).resolve().parents[1] / "bundles" / "brain_mri_anomaly"

TARGET = 0.15
"""The most that anything besides the encoder and the AR network may take."""

Functions = Mapping[str, list[tuple[str, str]]]
"""What is told apart: (end of the file's path, function), which must not call each other."""

TRAINING: Functions = {
    "AR network, forward": [("spatial_ar_net.py", "forward")],
    "AR network, backward": [("torch/_tensor.py", "backward")],
    "AR network, optimizer": [("torch/optim/adamw.py", "step"), ("torch/optim/adam.py", "step")],
    "loss": [("prediction_loss.py", "forward")],
    "reading embeddings": [("feature_dataset.py", "__getitems__")],
    "standardisation and noise": [("prepare_features.py", "__call__")],
    "checkpoints": [("torch/serialization.py", "save")],
}
PREDICTION: Functions = {
    "encoder": [("dinov3_encoder.py", "forward")],
    "AR network": [("spatial_ar_net.py", "forward")],
    "building the detector": [("scan_predictor.py", "from_bundle")],
    "reading and preparing the scan": [("scan_predictor.py", "prepare")],
    "fitting slices and maps to size": [("letterbox.py", "forward"), ("letterbox.py", "restore")],
    "map to the scan's grid": [("monai/transforms/post/dictionary.py", "__call__")],
    "writing map, picture and report": [("write_result.py", "write_result")],
}


def main(subjects: int = 16, batch_size: int = 64, slices: int = 155, quick: bool = False) -> None:
    """Profile both and print a table each; with --quick 2 subjects and 16 slices."""
    subjects, slices = (2, 16) if quick else (subjects, slices)
    torch.set_num_threads(1)
    print(conditions())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        phantoms(folder, subjects, slices)
        settings: dict[str, Any] = {
            "config_file": str(BUNDLE / "configs" / "train.yaml"),
            "bundle_root": str(BUNDLE),
            "dataset_dir": str(folder / "bmad"),
            "feature_dir": str(folder / "features"),
            "encoder_weights": "random",
            "batch_size": batch_size,
            "max_epochs": 1,
        }

        def train(run: str) -> None:
            monai.bundle.run("training", ckpt_dir=str(folder / run), output_dir=str(folder / run / "out"), **settings)

        train("encoding")
        epoch = profile(lambda: train("training"))
        checkpoint = folder / "training" / "model.pt"
        arguments = [str(folder / "scan.nii.gz"), f"--bundle={BUNDLE}", f"--checkpoint={checkpoint}"]
        arguments += ["--encoder-weights=random", f"--output={folder / 'predicted'}"]
        prediction = profile(lambda: app(["predict", *arguments], standalone_mode=False))
    report(f"A training epoch of {8 * subjects} images", epoch, TRAINING, ("monai/engines/trainer.py", "run"))
    report(f"A prediction of {slices} slices", prediction, PREDICTION, ("cli/predict.py", "predict"))


def phantoms(folder: Path, subjects: int, slices: int) -> None:
    """Slices of phantoms to train on, eight of each subject, and one scan at the size of BraTS."""
    write_phantoms(
        DOMAINS["brain_mri"],
        folder,
        train=subjects,
        valid_normal=2,
        valid_abnormal=1,
        test_normal=1,
        test_abnormal=1,
        slices_per_subject=8,
        seed=0,
    )
    small = nibabel.Nifti1Image.from_filename(next((folder / "nifti").glob("*_flair.nii.gz"))).get_fdata()
    large = zoom(small, np.array([240, 240, slices]) / small.shape, order=1).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(large, np.eye(4)), folder / "scan.nii.gz")


def profile(run: Callable[[], Any]) -> pstats.Stats:
    """Run under the profiler."""
    profiler = cProfile.Profile(time.process_time)
    profiler.runcall(run)
    return pstats.Stats(profiler)


def seconds_in(stats: pstats.Stats, functions: list[tuple[str, str]]) -> float:
    """CPU seconds in functions and all that they call."""
    found: list[float] = [
        cumulative
        for (file, _, name), (_, _, _, cumulative, _) in stats.stats.items()  # type: ignore[attr-defined]
        if any(file.endswith(end) and name == function for end, function in functions)
    ]
    if not found:
        raise LookupError(f"The profile has none of {functions}: were they renamed?")
    return sum(found)


def report(title: str, stats: pstats.Stats, functions: Functions, whole: tuple[str, str]) -> None:
    """Print the parts of the whole, and whether one besides encoder and AR network takes more than it may."""
    total = seconds_in(stats, [whole])
    seconds = {name: seconds_in(stats, each) for name, each in functions.items()}
    seconds["all else"] = total - sum(seconds.values())
    print(f"\n{title}: {total:.1f} CPU s\n\n| | CPU s | share |\n|---|---|---|")
    for name, value in sorted(seconds.items(), key=lambda item: -item[1]):
        print(f"| {name} | {value:.2f} | {value / total:.1%} |")
    largest = max(value for name, value in seconds.items() if not name.startswith(("encoder", "AR network")))
    verdict = "met" if largest <= TARGET * total else "NOT MET"
    print(f"\nBesides encoder and AR network at most {largest / total:.1%}; target {TARGET:.0%}: {verdict}", flush=True)


if __name__ == "__main__":
    typer.run(main)
