"""What a checkpoint says of itself."""

import pytest

from monai_sar.networks.checkpoint import EXTRA_STATE_BYTES, as_extra_state, saved_with


@pytest.mark.parametrize("images", [0, 1, 12_000, 20_000])
def test_it_is_read_as_it_was_written_and_has_one_length_up_to_12000_images(images: int) -> None:
    saved = {"calibration": {"scores": [0.12345678901234567] * images}}
    state = as_extra_state(saved)
    assert saved_with({"_extra_state": state}) == saved
    assert len(state) % EXTRA_STATE_BYTES == 0
    assert (len(state) == EXTRA_STATE_BYTES) is (images <= 12_000)


def test_it_is_small_beside_the_network() -> None:
    assert EXTRA_STATE_BYTES <= 256 * 1024
