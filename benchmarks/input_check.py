"""How well the check of a scan against those that were calibrated on tells others, and how seldom it errs.

    python -m benchmarks.input_check DATA/data/volumes/brain_mri_lgg --encoder-weights vit_tiny_patch16_224_augreg.pth

Real FLAIR volumes, the same changed in known ways, and phantoms. Each is measured once, by the path of predictions but
without the AR network, which the check does not look at; then detectors are calibrated on many random draws of the
patients, and the others are checked.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import nibabel as nib
import numpy as np
import torch
import typer
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from monai_sar._progress import progress_bar
from monai_sar.calibration import InputCheck, InputReference, ScanTraits
from monai_sar.networks import AnomalyDetector, MeanEmbedding
from monai_sar.phantoms import DOMAINS
from monai_sar.scans import ScanOrigin
from monai_sar.settings.bundle_config import read_bundle_config

BUNDLE = Path(__file__).resolve().parents[1] / "bundles" / "brain_mri_anomaly"

Volume = NDArray[np.float32]
Change = Callable[[Volume, NDArray[np.float64]], tuple[Volume, NDArray[np.float64]]]


def _resampled(*zoom: float) -> Change:
    """Voxels so many times as dense along each axis; the middle of the first voxel stays where it is."""

    def change(voxels: Volume, affine: NDArray[np.float64]) -> tuple[Volume, NDArray[np.float64]]:
        denser = ndimage.zoom(voxels, zoom, order=1, grid_mode=True, mode="nearest")
        return denser, affine @ np.diag([*(1 / np.array(zoom)), 1])

    return change


def _intensities(change: Callable[[Volume], Volume]) -> Change:
    return lambda voxels, affine: (change(voxels), affine)


def _inverted(voxels: Volume) -> Volume:
    top = float(np.percentile(voxels, 99.5))
    inverted: Volume = np.where(voxels > 0.08 * top, np.clip(1.08 * top - voxels, 0, None), voxels)
    return inverted


def _gamma(power: float) -> Callable[[Volume], Volume]:
    return lambda voxels: 1000 * (voxels / voxels.max()) ** power


def _noisy(voxels: Volume) -> Volume:
    noise = np.random.default_rng(0).normal(0, 0.08 * np.percentile(voxels, 99.5), (2, *voxels.shape))
    rician: Volume = np.hypot(voxels + noise[0], noise[1]).astype(np.float32)  # as of a magnitude image
    return rician


CHANGES: Mapping[str, Change] = {
    "half the spacing in plane": _resampled(2, 2, 1),
    "double the spacing in plane": _resampled(0.5, 0.5, 1),
    "slices half as far apart": _resampled(1, 1, 2),
    "slices twice as far apart": lambda voxels, affine: (voxels[..., ::2], affine @ np.diag([1, 1, 2, 1])),
    "the lower half of the head": lambda voxels, affine: (voxels[..., : voxels.shape[-1] // 2], affine),
    "contrast inverted": _intensities(_inverted),
    "gamma 0.5": _intensities(_gamma(0.5)),
    "gamma 1.5": _intensities(_gamma(1.5)),
    "blurred, 1.5 voxels": _intensities(lambda voxels: ndimage.gaussian_filter(voxels, (1.5, 1.5, 0))),
    "noise, 8 % of the signal": _intensities(_noisy),
}


class Measure:
    """Measures scans as predictions do.

    Args:
        settings: of the bundle's inference config.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        parser = read_bundle_config(BUNDLE, "inference", parts=["network", "preprocessing"], overrides=settings)
        self.detector: AnomalyDetector = parser.get_parsed_content("network").eval()
        self.preprocessing = parser.get_parsed_content("preprocessing")
        self.inferer = parser.get_parsed_content("inferer")

    def __call__(self, path: Path) -> ScanTraits:
        """Say what a scan is like."""
        item = self.preprocessing({"image": str(path)})
        with torch.no_grad(), MeanEmbedding(self.detector.encoder) as seen:
            self.inferer(item["image"][None], self._encode)
        return ScanTraits.of(item["image"], item["region"], ScanOrigin.of(item["image"]), embedding=seen.value)

    def changed(self, path: Path, change: Change) -> ScanTraits:
        """Say what a scan is like that was changed."""
        scan: Any = nib.load(path)
        voxels, affine = change(np.asarray(scan.dataobj, np.float32), scan.affine)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "scan.nii"
            nib.save(nib.nifti1.Nifti1Image(voxels.astype(np.float32), affine), file)
            return self(file)

    def phantom(self, number: int) -> ScanTraits:
        """Say what a normal phantom is like."""
        domain = DOMAINS["brain_mri"]
        with tempfile.TemporaryDirectory() as folder:
            domain.write_volume(domain.make(0, number, False), Path(folder), number)
            return self(next(Path(folder).glob("*_flair.nii.gz")))

    def _encode(self, images: Tensor) -> Tensor:
        self.detector.embed(images)
        return torch.zeros_like(images[:, :1])


@dataclass
class Alarms:
    """How often scans were called unlike, and in what."""

    checked: int = 0
    unlike: int = 0
    in_what: Counter[str] = field(default_factory=Counter)

    def add(self, check: InputCheck) -> None:
        """Count one."""
        self.checked += 1
        self.unlike += not check.ok
        self.in_what.update(check.topics)

    def row(self, name: str) -> str:
        """Of a table."""
        what = ", ".join(f"{topic} {count / self.checked:.0%}" for topic, count in self.in_what.most_common())
        return f"| {name} | {self.unlike / self.checked:.1%} | {what} |"


def false_alarms(scans: Sequence[ScanTraits], patients: int, draws: int) -> Alarms:
    """Calibrate on so many, drawn at random, and check all others."""
    generator, alarms = np.random.default_rng(0), Alarms()
    for _ in range(draws):
        order = generator.permutation(len(scans))
        reference = InputReference.of([[scans[number]] for number in order[:patients]])
        for number in order[patients:]:
            alarms.add(reference.check(scans[number]))
    return alarms


def told(known: Sequence[ScanTraits], others: Sequence[ScanTraits], patients: int, draws: int) -> Alarms:
    """Calibrate on so many of one kind, drawn at random, and check all of another."""
    generator, alarms = np.random.default_rng(1), Alarms()
    for _ in range(draws):
        reference = InputReference.of([[known[number]] for number in generator.permutation(len(known))[:patients]])
        for other in others:
            alarms.add(reference.check(other))
    return alarms


def tables(real: Sequence[ScanTraits], changed: Mapping[str, Sequence[ScanTraits]], phantoms: Sequence[ScanTraits],
           draws: int) -> Iterator[str]:  # fmt: skip
    """Lines of Markdown."""
    yield "| normal scans of the same kind, calibrated on | called unlike | in |\n|---|---|---|"
    for name, scans in (("real", real), ("phantoms", phantoms)):
        for patients in (1, 5, 10, 20):
            if patients < len(scans):
                yield false_alarms(scans, patients, draws).row(f"{patients} {name}")
    yield "\n| other scans, calibrated on 10 | called unlike | in |\n|---|---|---|"
    yield told(real, phantoms, 10, draws).row("phantoms, calibrated on real ones")
    yield told(phantoms, real, 10, draws).row("real ones, calibrated on phantoms")
    for name, scans in changed.items():
        yield told(real, scans, 10, draws).row(f"real: {name}")


def main(
    volumes: Annotated[Path, typer.Argument(help="Folder of FLAIR volumes, *_flair.nii.gz, one of each patient.")],
    encoder_weights: Annotated[str, typer.Option(help="File of the encoder, hub or random.")] = "hub",
    encoder_name: Annotated[str, typer.Option(help="Of the encoder.")] = "vit_tiny_patch16_224",
    image_size: Annotated[int, typer.Option(help="Height and width that slices are fitted into.")] = 112,
    phantoms: Annotated[int, typer.Option(help="How many normal phantoms.")] = 40,
    every: Annotated[int, typer.Option(help="Change only every so many-th volume.")] = 6,
    draws: Annotated[int, typer.Option(help="Of the patients that are calibrated on.")] = 50,
) -> None:
    """Measure, draw, and print tables."""
    size = [image_size, image_size]
    measure = Measure({"encoder_name": encoder_name, "encoder_weights": encoder_weights, "image_size": size})
    paths = sorted(volumes.glob("*_flair.nii.gz"))
    real = [measure(path) for path in progress_bar(paths, task="Measuring", unit="volume")]
    changed = {
        name: [measure.changed(path, change) for path in paths[::every]]
        for name, change in progress_bar(CHANGES.items(), task="Changing", unit="change")
    }
    synthetic = [measure.phantom(number) for number in progress_bar(range(phantoms), task="Phantoms", unit="phantom")]
    for line in tables(real, changed, synthetic, draws):
        print(line)


if __name__ == "__main__":
    typer.run(main)
