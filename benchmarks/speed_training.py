"""Training from stored embeddings against the published loop's way, on the CPU.

    python -m benchmarks.speed_training

The published way: every epoch reads and encodes every image, and trains dense masked convolutions. Ours: the images are
encoded once, before the first epoch; every epoch reads their embeddings and trains convolutions without the blocked
rows. Both epochs are run, on the same image files of 240 x 240 (noise, as the contents cost nothing), with batches of
64, AdamW and feature noise; ViT-S/16 of DINOv3 with random weights, 448 px. The epochs take turns; time is that of the
processor (see ``interleaved.py``). Validation is left out of both.
"""

import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
import typer
from monai.data import DataLoader, Dataset
from monai.transforms import Compose
from PIL import Image
from torch import Tensor, nn

from benchmarks.interleaved import conditions, cpu_seconds, median_ratio
from benchmarks.published_network import published_network
from monai_sar.engines import PrepareFeatures
from monai_sar.features import FeatureDataset
from monai_sar.losses import PredictionLoss
from monai_sar.networks import AnomalyDetector, DINOv3Encoder, SpatialARNet
from monai_sar.transforms import (
    ForegroundRegion,
    LoadScand,
    OrientSlicesd,
    RandFeatureNoise,
    RegionMaskd,
    StoredIntensityd,
)

TARGET = 8.0
"""How many times faster an epoch from stored embeddings must be."""

EPOCHS = 40


def main(
    images: int = 64,
    encoder_name: str = "vit_small_patch16_dinov3",
    image_size: int = 448,
    batch_size: int = 64,
    rounds: int = 3,
    threads: int = 1,
    quick: bool = False,
) -> None:
    """Run epochs both ways and print a table; with --quick 16 images, and one epoch of each."""
    images, rounds = (16, 1) if quick else (images, rounds)
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    encoder = DINOv3Encoder(encoder_name, weights="random")
    detector = AnomalyDetector(encoder, SpatialARNet(2, encoder.channels), image_size=(image_size, image_size))
    dense = published_network(detector.network)
    print(f"{images} images, {encoder_name}, {image_size} px; {conditions()}\n")
    with tempfile.TemporaryDirectory() as folder:
        data = write_images(Path(folder), images)
        region = RegionMaskd("image", find=ForegroundRegion(level=0))
        transform = Compose([LoadScand("image"), OrientSlicesd("image"), StoredIntensityd("image"), region])
        every_epoch = EncodedInEveryEpoch(data, transform, detector)
        start = time.process_time()
        stored = FeatureDataset(data, transform, detector=detector, cache_dir=folder)
        encoding = time.process_time() - start
        published, ours = Training(every_epoch, dense, batch_size), Training(stored, detector.network, batch_size)
        seconds = cpu_seconds(
            {
                "published": published.epoch,
                "ours": ours.epoch,
                "reading": lambda: [None for _ in ours.batches],
            },
            rounds=rounds,
            warm_up=0 if quick else 1,
        )
    report({name: median(values) / images for name, values in seconds.items()}, encoding / images)
    ratio = median_ratio(seconds["published"], seconds["ours"])
    print(f"\nEpochs 2 to {EPOCHS}: {ratio:.1f} times faster; target {TARGET:.0f}: ", end="")
    print("met" if ratio >= TARGET else "NOT MET")


class EncodedInEveryEpoch(Dataset):
    """Embeddings as the published loop has them: encoded whenever they are asked for, 16 images together."""

    def __init__(self, data: list[dict[str, str]], transform: Compose, detector: AnomalyDetector) -> None:
        super().__init__(data, transform)
        self.detector = detector

    def __getitems__(self, indices: list[int]) -> list[dict[str, Tensor]]:
        """The embeddings of a batch."""
        images = [torch.as_tensor(self._transform(index)["image"])[..., 0] for index in indices]
        with torch.no_grad():
            parts = [
                self.detector.embed(torch.stack(images[start : start + 16])) for start in range(0, len(images), 16)
            ]
        return [{"features": grid} for part in parts for grid in part]


class Training:
    """One way to train: what an epoch needs, kept from epoch to epoch."""

    def __init__(self, dataset: Dataset, network: nn.Module, batch_size: int) -> None:
        self.batches = DataLoader(dataset, batch_size=batch_size, shuffle=True)
        self.network = network
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
        self.prepare = PrepareFeatures(nn.Identity(), RandFeatureNoise())
        self.loss = PredictionLoss()

    def epoch(self) -> None:
        """Train on all images once."""
        for batch in self.batches:
            features, target = self.prepare(batch)
            self.optimizer.zero_grad()
            self.loss(self.network(features), target).backward()
            self.optimizer.step()


def write_images(folder: Path, count: int) -> list[dict[str, str]]:
    """PNG files of noise, and the data list that names them."""
    generator = np.random.default_rng(0)
    paths = [folder / f"{index}.png" for index in range(count)]
    for path in paths:
        Image.fromarray(generator.integers(0, 256, (240, 240), np.uint8)).save(path)
    return [{"image": str(path)} for path in paths]


def report(per_image: dict[str, float], encoding: float) -> None:
    """Print CPU milliseconds per image, and what 40 epochs come to."""
    print("| | CPU ms per image |\n|---|---|")
    print(f"| published: an epoch | {1000 * per_image['published']:.0f} |")
    print(f"| ours: encode and store, once | {1000 * encoding:.0f} |")
    print(f"| ours: an epoch | {1000 * per_image['ours']:.1f} |")
    print(f"| of which reading | {1000 * per_image['reading']:.2f} |")
    whole = EPOCHS * per_image["published"] / (encoding + EPOCHS * per_image["ours"])
    print(f"| whole training of {EPOCHS} epochs, from these | {whole:.1f} times faster |")


if __name__ == "__main__":
    typer.run(main)
