"""How fast an exported detector runs on the CPU: PyTorch, TorchScript and onnxruntime on the same images.

    python -m benchmarks.export_speed --threads 2

ViT-S/16 with rotary positions (DINOv3's, random weights) at 448 px and the AR network of the bundles. Times are medians
of calls; compare the ratios, the milliseconds are of one machine.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import torch
from torch import Tensor

from monai_sar.export import export_detector
from monai_sar.networks import AnomalyDetector, DINOv3Encoder, SpatialARNet

Run = Callable[[Tensor], object]


def main() -> None:
    """Export, time, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--encoder_name", default="vit_small_patch16_dinov3")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    encoder = DINOv3Encoder(arguments.encoder_name, weights="random")
    detector = AnomalyDetector(
        encoder, SpatialARNet(2, encoder.channels), feature_scaling="whiten", smoothing=0.7
    ).eval()
    with tempfile.TemporaryDirectory() as folder:
        runs = prepare(detector, Path(folder), arguments.threads)
    print(f"{arguments.encoder_name}, 448 px, {arguments.threads} threads, torch {torch.__version__}, ", end="")
    print(f"onnxruntime {onnxruntime.__version__}, median of {arguments.repeats}")
    print("| batch | runtime | ms per image | speed against PyTorch |\n|---|---|---|---|")
    for batch in arguments.batches:
        times = measure(runs, torch.rand(batch, 1, 240, 240), arguments.repeats)
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
    main()
