"""Invariants of the AR network: what its predictions may depend on."""

from copy import deepcopy
from itertools import product
from typing import Any, get_args

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from monai_sar.networks import MaskedConv2d, SpatialARNet
from monai_sar.networks.spatial_ar_net import Mode


def _dependence(network: SpatialARNet, shape: tuple[int, ...], position: tuple[int, ...]) -> Tensor:
    """By gradient: on which positions does the output at one position depend? Boolean, over the grid."""
    features = torch.randn(1, network.settings["in_channels"], *shape, dtype=torch.float64, requires_grad=True)
    network.double()(features)[(0, slice(None), *position)].square().sum().backward()
    assert features.grad is not None
    return features.grad[0].abs().sum(0) > 0


@pytest.mark.parametrize("dilations", [(1,), (4, 4, 4, 4), (1, 2, 3)])
@pytest.mark.parametrize("likelihood", ["mse", "gaussian"])
@pytest.mark.parametrize("num_layers", [1, 3, 5])
def test_causal_predictions_see_only_what_came_before(
    dilations: tuple[int, ...], likelihood: Any, num_layers: int
) -> None:
    torch.manual_seed(0)
    network = SpatialARNet(
        2, 4, hidden_channels=16, num_layers=num_layers, dilations=dilations[:num_layers], likelihood=likelihood
    )
    for position in [(0, 0), (6, 5), (11, 10), (3, 0), (3, 10)]:
        seen = _dependence(network, (12, 11), position).flatten()
        raster_index = position[0] * 11 + position[1]
        assert not seen[raster_index:].any()
        # and it does see something as soon as the reach of the first layer lies inside the grid
        if position[0] >= dilations[0]:
            assert seen[:raster_index].any()


def test_causal_predictions_in_3d_see_only_what_came_before() -> None:
    torch.manual_seed(0)
    network = SpatialARNet(3, 3, hidden_channels=12, num_layers=4, dilations=(1, 2))
    shape, position = (5, 6, 7), (2, 3, 4)
    seen = _dependence(network, shape, position).flatten()
    raster_index = (position[0] * shape[1] + position[1]) * shape[2] + position[2]
    assert not seen[raster_index:].any()
    assert seen[:raster_index].any()


def test_bidirectional_closes_the_direct_path_only() -> None:
    """What the docstring says: strict with one layer; with more, the centre comes back through its neighbours."""
    torch.manual_seed(0)
    centre = (4, 4)
    one_layer = SpatialARNet(2, 4, num_layers=1, dilations=(1,), mode="bidirectional")
    seen = _dependence(one_layer, (9, 9), centre)
    assert not seen[centre]
    assert int(seen.sum()) == 8
    deep = SpatialARNet(2, 4, hidden_channels=16, num_layers=3, dilations=(1,), mode="bidirectional")
    first_layer = deep.net[0]
    features = torch.randn(1, 4, 9, 9, dtype=torch.float64, requires_grad=True)
    first_layer.double()(features)[0, :, 4, 4].sum().backward()
    assert features.grad is not None
    assert not features.grad[0, :, 4, 4].any()
    assert _dependence(deep, (9, 9), centre)[centre]


def test_standard_sees_everything_in_reach() -> None:
    torch.manual_seed(0)
    network = SpatialARNet(2, 4, hidden_channels=32, num_layers=2, dilations=(1,), mode="standard")
    seen = _dependence(network, (9, 9), (4, 4))
    assert torch.equal(seen[2:7, 2:7], torch.ones(5, 5, dtype=torch.bool))
    assert int(seen.sum()) == 25


@pytest.mark.parametrize("distances", [(1,), (2, 4), (3, 6), (4, 3)])
@pytest.mark.parametrize("likelihood", ["mse", "gaussian"])
@pytest.mark.parametrize("num_layers", [1, 3, 5])
def test_a_blind_spot_is_blind_at_any_depth(distances: tuple[int, ...], likelihood: Any, num_layers: int) -> None:
    """A prediction depends on the rings of neighbours, all of them, and on nothing else."""
    torch.manual_seed(0)
    network = SpatialARNet(
        2, 4, hidden_channels=32, num_layers=num_layers, dilations=distances, mode="blind_spot", likelihood=likelihood
    )
    for row, column in [(0, 0), (6, 5), (13, 12), (7, 0)]:
        rings = torch.zeros(14, 13, dtype=torch.bool)
        for distance in distances:
            for i, j in product((-distance, 0, distance), repeat=2):
                if (i, j) != (0, 0) and 0 <= row + i < 14 and 0 <= column + j < 13:
                    rings[row + i, column + j] = True
        assert torch.equal(_dependence(network, (14, 13), (row, column)), rings)


def test_a_blind_spot_in_3d() -> None:
    torch.manual_seed(0)
    network = SpatialARNet(3, 3, hidden_channels=32, num_layers=4, dilations=(2,), mode="blind_spot")
    seen = _dependence(network, (7, 7, 7), (3, 3, 3))
    assert int(seen.sum()) == 26
    assert not seen[2:5, 2:5, 2:5].any()


def test_a_blind_spot_needs_distances() -> None:
    for dilations in ((), (2, 2), (0, 3)):
        with pytest.raises(ValueError, match="expected one or more, from 1, each once"):
            SpatialARNet(2, 8, dilations=dilations, mode="blind_spot")


def test_settings_make_the_same_network_again() -> None:
    for mode, dilations in (("causal", (1, 2)), ("blind_spot", (2, 3, 4, 5, 6, 7))):
        network = SpatialARNet(2, 8, dilations=dilations, mode=mode)  # type: ignore[arg-type]
        again = SpatialARNet(**network.settings)
        assert again.settings == network.settings
        again.load_state_dict(network.state_dict())


def test_published_size() -> None:
    """3,540,352 parameters at 384 channels, as in the published model (masked taps counted)."""
    assert sum(p.numel() for p in SpatialARNet(2, 384).parameters()) == 3_540_352


@pytest.mark.parametrize("mode", ["causal", "bidirectional", "standard"])
def test_predictions_are_those_of_the_published_dense_network(mode: Mode) -> None:
    """At the published size, in float32: five dense convolutions with blocked taps set to 0."""
    torch.manual_seed(0)
    network = SpatialARNet(2, 384, mode=mode)
    features = torch.randn(2, 384, 28, 28)
    x = features
    for layer in network.net:
        x = F.conv2d(x, layer.weight * layer.mask, layer.bias, 1, 4, 4) if isinstance(layer, MaskedConv2d) else x.relu()
    torch.testing.assert_close(network(features), x, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mode", ["causal", "blind_spot"])
@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_weights_stay_channels_last(spatial_dims: int, mode: Mode) -> None:
    """The layout in which convolutions are fastest survives a checkpoint, a copy and another dtype."""
    network = SpatialARNet(spatial_dims, 8, hidden_channels=16, dilations=(4,), mode=mode)
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    network.load_state_dict(state)
    for each in (network, deepcopy(network), deepcopy(network).double()):
        weights = [parameter for name, parameter in each.named_parameters() if name.endswith("weight")]
        assert len(weights) == 5
        assert all(weight.stride(1) == 1 for weight in weights)


def test_the_last_dilation_serves_the_layers_that_remain() -> None:
    network = SpatialARNet(2, 8, dilations=(1, 2))
    assert network.settings["dilations"] == [1, 2, 2, 2, 2]
    assert [m.dilation[0] for m in network.net if isinstance(m, MaskedConv2d)] == [1, 2, 2, 2, 2]


@pytest.mark.parametrize("mode", get_args(Mode))
@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (28, 28)])
def test_any_grid_keeps_its_size(shape: tuple[int, int], mode: Mode) -> None:
    network = SpatialARNet(2, 8, dilations=(4,), likelihood="gaussian", mode=mode)
    assert network(torch.randn(2, 8, *shape)).shape == (2, 16, *shape)


@pytest.mark.parametrize("mode", get_args(Mode))
def test_a_batch_is_its_images_one_by_one(mode: Mode) -> None:
    torch.manual_seed(0)
    network = SpatialARNet(2, 8, dilations=(3,), mode=mode).eval()
    batch = torch.randn(3, 8, 10, 12)
    torch.testing.assert_close(network(batch), torch.cat([network(image[None]) for image in batch]))


def _published_checkpoint(mode: Mode, *, with_masks: bool) -> dict[str, Tensor]:
    """A state dict as the published code saves it: net.0, net.2, ... with weight, bias and perhaps mask."""
    torch.manual_seed(1)
    widths = [384, 256, 256, 256, 256, 384]
    state = {}
    for index in range(5):
        state[f"net.{2 * index}.weight"] = torch.randn(widths[index + 1], widths[index], 3, 3)
        state[f"net.{2 * index}.bias"] = torch.randn(widths[index + 1])
        if with_masks:
            mask = torch.ones(widths[index + 1], widths[index], 3, 3)
            if mode == "causal":
                mask[:, :, 2], mask[:, :, 1, 2], mask[:, :, 1, 1] = 0, 0, float(index > 0)
            state[f"net.{2 * index}.mask"] = mask
    return state


@pytest.mark.parametrize("with_masks", [True, False])
def test_a_checkpoint_of_the_published_code_loads(with_masks: bool) -> None:
    network = SpatialARNet(2, 384)
    state = _published_checkpoint("causal", with_masks=with_masks)
    network.load_state_dict(dict(state))
    assert torch.equal(network.state_dict()["net.8.weight"], state["net.8.weight"])


def test_a_checkpoint_of_another_mode_is_told_by_its_masks() -> None:
    state = _published_checkpoint("standard", with_masks=True)
    with pytest.raises(RuntimeError, match="another mode"):
        SpatialARNet(2, 384, mode="causal").load_state_dict(state)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "casual"}, "Unknown mode 'casual'"),
        ({"likelihood": "laplace"}, "Unknown likelihood"),
        ({"dilations": (1,) * 6}, "6 dilations for 5 layers"),
        ({"dilations": ()}, "0 dilations"),
        ({"spatial_dims": 1}, "expected 2 or 3"),
        ({"kernel_size": 2}, "odd"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SpatialARNet(**{"spatial_dims": 2, "in_channels": 8, **arguments})
