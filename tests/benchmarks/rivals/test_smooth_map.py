import torch

from benchmarks.rivals import smooth_map


def test_smoothing_spreads_a_point_by_its_standard_deviation() -> None:
    point = torch.zeros(1, 1, 65, 65)
    point[..., 32, 32] = 1
    smoothed = smooth_map(point, 4.0)[0, 0]
    away = torch.arange(65.0) - 32
    assert abs(smoothed.sum() - 1) < 1e-5
    for axis in (0, 1):
        assert abs((smoothed.sum(1 - axis) * away**2).sum().sqrt() - 4) < 0.02


def test_what_is_the_same_everywhere_stays_so_up_to_the_border() -> None:
    assert torch.allclose(smooth_map(torch.full((1, 1, 32, 40), 0.7), 4.0), torch.tensor(0.7))


def test_images_are_not_mixed() -> None:
    maps = torch.rand(2, 1, 32, 40, generator=torch.Generator().manual_seed(0))
    assert torch.equal(smooth_map(maps, 4.0)[1:], smooth_map(maps[1:], 4.0))
