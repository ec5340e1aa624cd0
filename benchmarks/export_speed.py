"""How fast an exported detector runs on the CPU: PyTorch, TorchScript and onnxruntime on the same images.

    python -m benchmarks.export_speed --threads 2

ViT-S/16 with rotary positions (DINOv3's, random weights) at 448 px and the AR network of the bundles. Times are medians
of calls; compare the ratios, the milliseconds are of one machine.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import onnxruntime
import torch
import typer
from torch import Tensor

from monai_sar.export import export_detector
from monai_sar.networks import AnomalyDetector, DINOv3Encoder, SpatialARNet

Run = Callable[[Tensor], object]


def main(
    threads: int = 2,
    batches: Annotated[list[int] | None, typer.Option("--batch", help="Images at a time; default: 1 and 8.")] = None,
    repeats: int = 5,
    encoder_name: str = "vit_small_patch16_dinov3",
) -> None:
    """Export, time, print a table."""
    torch.set_num_threads(threads)
    encoder = DINOv3Encoder(encoder_name, weights="random")
    detector = AnomalyDetector(
        encoder, SpatialARNet(2, encoder.channels), feature_scaling="whiten", smoothing=0.7
    ).eval()
    with tempfile.TemporaryDirectory() as folder:
        runs = prepare(detector, Path(folder), threads)
    print(f"{encoder_name}, 448 px, {threads} threads, torch {torch.__version__}, ", end="")
    print(f"onnxruntime {onnxruntime.__version__}, median of {repeats}")
    print("| batch | runtime | ms per image | speed against PyTorch |\n|---|---|---|---|")
    for batch in batches or [1, 8]:
        times = measure(runs, torch.rand(batch, 1, 240, 240), repeats)
        for name, seconds in times.items():
            print(f"| {batch} | {name} | {1e3 * seconds / batch:.0f} | {times['PyTorch'] / seconds:.2f} |")


def prepare(detector: AnomalyDetector, folder: Path, threads: int) -> dict[str, Run]:
    """The detector in the three runtimes."""
    torchscript, onnx = folder / "model.ts", folder / "model.onnx"
    export_detector(detector, torchscript, file_format="torchscript")
    export_detector(detector, onnx, file_format="onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    module = torch.jit.load(torchscript)  # type: ignore[no-untyped-call]
    return {
        "PyTorch": detector,
        "TorchScript": module,
        "onnxruntime": lambda image: session.run(None, {"image": image.numpy()}),
    }


def measure(runs: dict[str, Run], image: Tensor, repeats: int) -> dict[str, float]:
    """Median seconds of a call; the runtimes take turns, so that what disturbs the machine disturbs all."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    with torch.inference_mode():
        for turn in range(-2, repeats):  # the first calls optimise
            for name, run in runs.items():
                start = time.perf_counter()
                run(image)
                if turn >= 0:
                    seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


if __name__ == "__main__":
    typer.run(main)
