"""What a checkpoint says of itself."""

from pathlib import Path
from typing import Any

import pytest
import torch

from monai_sar.networks.checkpoint import (
    EXTRA_STATE_BYTES,
    CheckpointError,
    as_extra_state,
    read_checkpoint,
    saved_with,
)


@pytest.mark.parametrize("images", [0, 1, 12_000, 20_000])
def test_it_is_read_as_it_was_written_and_has_one_length_up_to_12000_images(images: int) -> None:
    saved = {"settings": {}, "calibration": {"scores": [0.12345678901234567] * images}}
    state = as_extra_state(saved)
    assert saved_with({"_extra_state": state}) == saved
    assert len(state) % EXTRA_STATE_BYTES == 0
    assert (len(state) == EXTRA_STATE_BYTES) is (images <= 12_000)


def test_it_is_small_beside_the_network() -> None:
    assert EXTRA_STATE_BYTES <= 256 * 1024


@pytest.mark.parametrize(
    "stored",
    [b"", b"{", b"[]", b"7", b'{"settings": 7}', b"{}", b"\xff", b"[" * 100_000, b'{"a":' * 100_000],
    ids=lambda stored: repr(stored[:16]),
)
def test_what_says_nothing_is_told(stored: bytes) -> None:
    state = torch.tensor(list(stored), dtype=torch.uint8)
    with pytest.raises(CheckpointError, match="does not say what it was trained with"):
        saved_with({"_extra_state": state})


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(torch.zeros(1, dtype=torch.uint8).expand(10**12), id="one number that stands for many"),
        pytest.param(torch.eye(3).to_sparse(), id="sparse"),
        pytest.param({"a": torch.zeros(3)}, id="map"),
        pytest.param(7, id="number"),
    ],
)
def test_what_is_no_tensor_of_a_detector_is_refused(other: Any, tmp_path: Path) -> None:
    state = {"_extra_state": as_extra_state({"settings": {}}), "weight": torch.zeros(3)}
    torch.save(state, tmp_path / "sound.pt")
    assert read_checkpoint(tmp_path / "sound.pt").keys() == state.keys()
    for name in state:
        torch.save({**state, name: other}, tmp_path / "model.pt")
        with pytest.raises(CheckpointError, match="other things than the tensors"):
            read_checkpoint(tmp_path / "model.pt")
