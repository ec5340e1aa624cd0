import pytest
import torch
import torch.nn.functional as F

from benchmarks.rivals import nearest_cosine
from tests.benchmarks.rivals.embeddings import clustered, directions

FEATURES = clustered(directions(), images=3, grid=20, noise=0.3)  # more patches than are compared at a time
BANK = F.normalize(torch.randn(257, 16, generator=torch.Generator().manual_seed(0)), dim=1)


@pytest.mark.parametrize("chunk", [1, 100, 257, 1000])
def test_any_chunk_is_as_all_pairs(chunk: int) -> None:
    rows = FEATURES.permute(0, 2, 3, 1)[..., None, :].double()
    expected = (1 - F.cosine_similarity(rows, BANK.double(), dim=-1)).amin(-1)
    distances = nearest_cosine(FEATURES, BANK, chunk=chunk)
    assert distances.shape == (3, 1, 20, 21)
    assert torch.allclose(distances[:, 0].double(), expected, atol=1e-6)


def test_length_does_not_matter() -> None:
    assert torch.allclose(nearest_cosine(100 * FEATURES, BANK), nearest_cosine(FEATURES, BANK), atol=1e-6)


def test_the_same_direction_is_0_away_and_the_opposite_2() -> None:
    feature = FEATURES[:1, :, :1, :1]
    row = F.normalize(feature.flatten(1), dim=1)
    assert nearest_cosine(feature, row).item() == pytest.approx(0, abs=1e-6)
    assert nearest_cosine(feature, -row).item() == pytest.approx(2, abs=1e-6)
