"""Scoring the embeddings of one image: the AR network against a memory bank of the training embeddings, on the CPU.

    python -m benchmarks.speed_rivals

The bank holds the 28 x 28 embeddings of 2,000 images of ViT-S (1.57 million rows of 384 channels, float32), as
AnomalyDINO [0] keeps it: the score of an embedding is its distance to the nearest row, found by comparing it with every
row, part by part. Coresets as of PatchCore [1] are the first 10 % and 1 % of the rows. All is random: neither time
depends on the values. The encoder, which both need, is timed beside them. See ``interleaved.py`` for how time is taken.

[0]: https://arxiv.org/abs/2405.14529
[1]: https://arxiv.org/abs/2106.08265
"""

from functools import partial
from statistics import median

import torch
import typer
from torch import Tensor

from benchmarks.interleaved import conditions, cpu_seconds, median_ratio
from benchmarks.rivals.nearest_cosine import CHUNK, nearest_cosine
from monai_sar.networks import AnomalyDetector, DINOv3Encoder, SpatialARNet


def main(images: int = 2000, grid: int = 28, rounds: int = 3, threads: int = 1, quick: bool = False) -> None:
    """Time both and print a table; with --quick a bank of 200 images, once."""
    images, rounds = (200, 1) if quick else (images, rounds)
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    encoder = DINOv3Encoder("vit_small_patch16_dinov3", weights="random")
    size = grid * encoder.patch_size
    detector = AnomalyDetector(encoder, SpatialARNet(2, encoder.channels), image_size=(size, size)).eval()
    bank = random_bank(images * grid**2, encoder.channels)
    image = torch.rand(1, 3, size, size)
    print(f"a bank of {images} images, {len(bank):,} rows of {encoder.channels}; {conditions()}\n")
    with torch.inference_mode():
        features = detector.embed(image)
        banks = {f"1-NN, {share:.0%} of the bank": bank[: int(share * len(bank))] for share in (1, 0.1, 0.01)}
        seconds = cpu_seconds(
            {
                "encoder": lambda: detector.embed(image),
                "AR network": lambda: detector.score(features),
                **{name: partial(nearest_cosine, features, rows) for name, rows in banks.items()},
            },
            rounds=rounds,
        )
    mebibytes = {"AR network": bytes_of(*detector.network.parameters()), "encoder": bytes_of(*encoder.parameters())}
    mebibytes |= {name: bytes_of(rows) for name, rows in banks.items()}
    print("| | CPU ms per image | against the AR network | MiB held |\n|---|---|---|---|")
    for name, values in seconds.items():
        ratio = median_ratio(values, seconds["AR network"])
        print(f"| {name} | {1000 * median(values):.1f} | {ratio:.1f} | {mebibytes[name] / 2**20:.1f} |")


def random_bank(rows: int, channels: int) -> Tensor:
    """Rows of length 1, in place, because a second copy may not fit."""
    bank = torch.empty(rows, channels)
    for part in torch.split(bank, CHUNK):
        part.normal_()
        part /= part.norm(dim=1, keepdim=True)
    return bank


def bytes_of(*tensors: Tensor) -> int:
    """Memory of tensors."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


if __name__ == "__main__":
    typer.run(main)
