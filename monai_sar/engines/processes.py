"""What each process of a ``torchrun`` has to know of the others."""

import logging
import os

import torch
import torch.distributed as dist

__all__ = ["join_processes", "process_device", "share_of_batch"]


def process_device() -> torch.device:
    """The GPU of this process, or the CPU where there are no GPUs.

    Raises:
        RuntimeError: torchrun did not start this process, or started more than there are GPUs.
    """
    if "LOCAL_RANK" not in os.environ:
        raise RuntimeError(
            "multi_gpu_train.yaml is for several processes: start it with torchrun --standalone --nproc_per_node=N "
            "-m monai.bundle run ..., with N the number of GPUs."
        )
    if not torch.cuda.is_available():
        return torch.device("cpu")
    local_rank, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if local_rank >= gpus:
        raise RuntimeError(f"There are more processes than the {gpus} GPUs here. Give --nproc_per_node={gpus}.")
    return torch.device("cuda", local_rank)


def join_processes(device: torch.device) -> None:
    """Join the process group: NCCL for GPUs, Gloo for CPUs. From here on only the first process logs information."""
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    if dist.get_rank() > 0:
        logging.disable(logging.INFO)


def share_of_batch(batch_size: int) -> int:
    """What each process takes of a batch.

    Raises:
        ValueError: it cannot be shared evenly.
    """
    processes = dist.get_world_size()
    if batch_size % processes:
        raise ValueError(
            f"A batch of {batch_size} images cannot be shared evenly by {processes} processes. Give a --batch_size "
            f"that can, such as {-(-batch_size // processes) * processes}."
        )
    return batch_size // processes
