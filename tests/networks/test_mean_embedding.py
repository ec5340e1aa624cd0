"""The mean embedding is that of everything that was encoded while it listened."""

import pytest
import torch

from monai_sar.networks import DINOv3Encoder, MeanEmbedding


def test_it_is_the_mean_over_all_patches_whatever_the_batches() -> None:
    encoder = DINOv3Encoder("vit_tiny_patch16_224", weights="random")
    images = torch.rand(5, 3, 32, 48)
    with torch.no_grad(), MeanEmbedding(encoder) as seen:
        grids = torch.cat([encoder(batch) for batch in (images[:2], images[2:4], images[4:])])
    torch.testing.assert_close(torch.tensor(seen.value), grids.mean(dim=(0, 2, 3)), atol=1e-5, rtol=1e-5)
    with torch.no_grad():
        encoder(images)
    assert seen.value is not None
    torch.testing.assert_close(torch.tensor(seen.value), grids.mean(dim=(0, 2, 3)), atol=1e-5, rtol=1e-5)
    assert not encoder._forward_hooks


def test_it_begins_anew_and_hears_nothing_without_an_encoding() -> None:
    encoder = torch.nn.Conv2d(3, 4, 16, stride=16)
    seen = MeanEmbedding(encoder)
    with seen:
        encoder(torch.rand(1, 3, 32, 32))
    assert seen.value is not None
    with seen:
        pass
    assert seen.value is None


def test_an_error_ends_the_listening() -> None:
    encoder = torch.nn.Conv2d(3, 4, 16, stride=16)
    with pytest.raises(RuntimeError), MeanEmbedding(encoder):
        encoder(torch.rand(1, 5, 32, 32))
    assert not encoder._forward_hooks
