"""One process of a torchrun; tests/bundles/test_multi_gpu.py runs several."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from monai_sar.engines import join_processes, process_device, share_of_batch


@pytest.fixture
def started_by_torchrun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {
        "RANK": 0,
        "LOCAL_RANK": 0,
        "WORLD_SIZE": 1,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": 0,
    }.items():
        monkeypatch.setenv(name, str(value))
    yield
    if dist.is_initialized():
        dist.destroy_process_group()


def test_a_process_that_torchrun_did_not_start_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with pytest.raises(RuntimeError, match="torchrun --standalone --nproc_per_node=N"):
        process_device()


def test_each_process_has_a_device_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus = torch.cuda.device_count()
    for rank in range(gpus):
        monkeypatch.setenv("LOCAL_RANK", str(rank))
        assert process_device() == torch.device("cuda", rank)
    monkeypatch.setenv("LOCAL_RANK", str(gpus))
    if gpus:
        with pytest.raises(RuntimeError, match=f"--nproc_per_node={gpus}"):
            process_device()
    else:
        assert process_device() == torch.device("cpu")


@pytest.mark.usefixtures("started_by_torchrun")
def test_joining_on_the_cpu_is_gloo() -> None:
    join_processes(torch.device("cpu"))
    assert dist.get_backend() == "gloo"
    assert share_of_batch(7) == 7
