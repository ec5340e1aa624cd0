"""Which settings map a volume fastest on the CPU, and in how much memory.

    python -m benchmarks.speed_volume

A volume of 155 slices of 240 x 240, ViT-S/16 of DINOv3 with random weights, 448 px. Only the first slices show
something, so that all settings fit into some minutes (empty slices are not encoded); ``--whole`` maps all 155 with the
defaults. Every setting has a process of its own, for its peak memory; the processes take turns, and the first turn, in
which torch.compile compiles, does not count. Slices per CPU second are the median of the turns and tell what a setting
costs; slices per second are the best turn, and neighbours on the machine slow them.
"""

import multiprocessing
import resource
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from typing import Literal, NamedTuple

import torch
import typer

from benchmarks.interleaved import conditions
from monai_sar.inferers import VolumeInferer
from monai_sar.networks import AnomalyDetector, DINOv3Encoder, SpatialARNet

SHAPE = (240, 240, 155)


class Settings(NamedTuple):
    """What may change the speed."""

    slices_per_batch: int = VolumeInferer().slices_per_batch
    threads: int = 1
    channels_last: bool = False
    bfloat16: bool = False
    matmul_precision: Literal["highest", "medium"] = "highest"
    compiled: bool = False


SETTINGS = {
    **{f"{size} slices at a time": Settings(size) for size in (1, 2, 4, 8, 16)},
    "2 threads": Settings(threads=2),
    "encoder channels-last": Settings(channels_last=True),
    "bfloat16 (amp)": Settings(bfloat16=True),
    "matmul precision medium": Settings(matmul_precision="medium"),
    "torch.compile": Settings(compiled=True),
}


class Cost(NamedTuple):
    """Of one volume."""

    cpu_seconds: float
    seconds: float
    peak_mebibytes: float


def main(slices: int = 16, rounds: int = 3, compiled: bool = True, whole: bool = False, quick: bool = False) -> None:
    """Map the volume with all settings in turn and print a table; with --quick four slices, once, uncompiled."""
    if quick:
        slices, rounds, compiled = 4, 1, False
    chosen = {name: settings for name, settings in SETTINGS.items() if compiled or not settings.compiled}
    print(
        f"{slices} slices of {SHAPE[0]} x {SHAPE[1]}; {conditions()}; "
        f"{Settings().slices_per_batch} at a time where not said\n",
        flush=True,
    )
    processes = {name: ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) for name in chosen}
    turns: list[dict[str, Cost]] = [
        {name: processes[name].submit(map_volume, chosen[name], slices).result() for name in chosen}
        for _ in range(rounds + 1)
    ]
    first, counted = turns[0], turns[1:]
    print("| | slices per CPU second | slices per second | peak MiB |\n|---|---|---|---|")
    for name in chosen:
        cpu = statistics.median(turn[name].cpu_seconds for turn in counted)
        wall = min(turn[name].seconds for turn in counted)
        print(f"| {name} | {slices / cpu:.2f} | {slices / wall:.2f} | {counted[-1][name].peak_mebibytes:.0f} |")
    if compiled:
        print(f"\nThe first turn of torch.compile took {first['torch.compile'].seconds:.0f} s.")
    for process in processes.values():
        process.shutdown()
    if whole:
        cost = map_volume(Settings(), SHAPE[2])
        print(f"\nThe whole volume: {SHAPE[2] / cost.cpu_seconds:.2f} slices per CPU second, ", end="")
        print(f"{SHAPE[2] / cost.seconds:.2f} per second, peak {cost.peak_mebibytes:.0f} MiB")


def map_volume(settings: Settings, slices: int) -> Cost:
    """Map a volume whose first slices show something."""
    torch.set_num_threads(settings.threads)
    torch.set_float32_matmul_precision(settings.matmul_precision)
    detector = make_detector(settings)
    volume = torch.zeros(1, 1, *SHAPE)
    volume[..., :slices] = torch.rand(SHAPE[:2])[..., None]
    inferer = VolumeInferer(settings.slices_per_batch)
    wall, cpu = time.perf_counter(), time.process_time()
    with torch.autocast("cpu", torch.bfloat16, enabled=settings.bfloat16):
        inferer(volume, detector)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Cost(cpu, wall, peak / (2**20 if sys.platform == "darwin" else 2**10))


@cache
def make_detector(settings: Settings) -> AnomalyDetector:
    """The detector; the same one whenever a process asks for it again."""
    encoder = DINOv3Encoder(weights="random")
    detector = AnomalyDetector(
        encoder, SpatialARNet(2, encoder.channels), feature_scaling="whiten", smoothing=0.7
    ).eval()
    if settings.channels_last:
        encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if settings.compiled:
        detector.compile()
    return detector


if __name__ == "__main__":
    typer.run(main)
