"""Compare runs on a machine that others use too.

The runs take turns, so that what disturbs one disturbs all; the clock is that of the processor, which stands still
while others have it; and a ratio is taken within each round before the median over the rounds.
"""

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

__all__ = ["conditions", "cpu_seconds", "median_ratio"]


def cpu_seconds(runs: Mapping[str, Callable[[], object]], *, rounds: int, warm_up: int = 1) -> dict[str, list[float]]:
    """Processor time of all threads in every round, under the name of the run; rounds to warm up are left out."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(-warm_up, rounds):
        for name, run in runs.items():
            start = time.process_time()
            run()
            if turn >= 0:
                seconds[name].append(time.process_time() - start)
    return seconds


def median_ratio(numerator: list[float], denominator: list[float]) -> float:
    """Median over the rounds of one run's time against another's."""
    return statistics.median(a / b for a, b in zip(numerator, denominator, strict=True))


def conditions() -> str:
    """Where and beside what was measured, in a line."""
    cpu_info = Path("/proc/cpuinfo")
    lines = cpu_info.read_text().splitlines() if cpu_info.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    bfloat16 = "with" if any("avx512_bf16" in line or "amx_bf16" in line for line in lines) else "without"
    kernels = f"{torch.backends.cpu.get_cpu_capability()}, {bfloat16} bfloat16 instructions"
    load = f", load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores" if hasattr(os, "getloadavg") else ""
    return (
        f"{model or platform.processor()} ({kernels}), {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}{load}"
    )
