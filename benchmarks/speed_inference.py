"""What the AR network adds to the encoder, at inference on the CPU.

    python -m benchmarks.speed_inference

ViT-S/16 of DINOv3 with random weights, images of 448 x 448. The detector is all from the image to the map at its size;
the encoder alone gets images that already are as it wants them. See ``interleaved.py`` for how time is taken.
"""

from statistics import median
from typing import Annotated

import torch
import typer
from torch import nn

from benchmarks.interleaved import conditions, cpu_seconds, median_ratio
from benchmarks.published_network import published_network
from monai_sar.networks import AnomalyDetector, DINOv3Encoder, SpatialARNet

TARGET = 1.10
"""The most that the detector may take, against the encoder alone."""

BLIND_SPOT = (3, 6)
"""Distances of its rings of context, as on the brain."""


def main(
    encoder_name: str = "vit_small_patch16_dinov3",
    image_size: int = 448,
    batches: Annotated[list[int] | None, typer.Option("--batch", help="Images at a time; default: 1 and 8.")] = None,
    rounds: int = 7,
    threads: int = 1,
    quick: Annotated[bool, typer.Option(help="Two rounds of one image.")] = False,
) -> None:
    """Time the encoder, the detector, and the AR network in several forms; print a table."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    encoder = DINOv3Encoder(encoder_name, weights="random")
    detector = AnomalyDetector(
        encoder,
        SpatialARNet(2, encoder.channels),
        image_size=(image_size, image_size),
        feature_scaling="whiten",
        smoothing=0.7,
    ).eval()
    print(f"{encoder_name}, {image_size} px; {conditions()}\n")
    print("| batch | | CPU ms per image | against the encoder |\n|---|---|---|---|")
    for batch in [1] if quick else batches or [1, 8]:
        ratio = measure(detector, batch, rounds=2 if quick else rounds)
        print(f"| {batch} | target: at most {TARGET:.2f} | | {'met' if ratio <= TARGET else 'NOT MET'} |", flush=True)


@torch.inference_mode()
def measure(detector: AnomalyDetector, batch: int, *, rounds: int) -> float:
    """Print the rows of one batch size; return the detector's time against the encoder's."""
    network, dense = detector.network, published_network(detector.network)
    blind_spot = SpatialARNet(2, detector.encoder.channels, dilations=BLIND_SPOT, mode="blind_spot").eval()
    image = torch.rand(batch, 3, *(detector.letterbox.size or (448, 448)))
    features = detector.embed(image)
    torch.testing.assert_close(network(features), dense(features), rtol=1e-4, atol=1e-4)
    seconds = cpu_seconds(
        {
            "encoder": lambda: detector.encoder(image),
            "detector": lambda: detector(image),
            "AR network": lambda: network(features),
            "AR network, dense as published": lambda: dense(features),
            "AR network with a blind spot": lambda: blind_spot(features),
            "AR network, bfloat16": lambda: in_bfloat16(network, features),
        },
        rounds=rounds,
    )
    for name, of_run in seconds.items():
        ratio = median_ratio(of_run, seconds["encoder"])
        print(f"| {batch} | {name} | {1000 * median(of_run) / batch:.1f} | {ratio:.3f} |")
    return median_ratio(seconds["detector"], seconds["encoder"])


def in_bfloat16(network: nn.Module, features: torch.Tensor) -> torch.Tensor:
    """Run under autocast, as with ``amp: true``."""
    with torch.autocast("cpu", torch.bfloat16):
        prediction: torch.Tensor = network(features)
    return prediction


if __name__ == "__main__":
    typer.run(main)
