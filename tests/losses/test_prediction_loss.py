"""The loss is the mean of the score."""

import math

import pytest
import torch

from monai_sar.losses import Likelihood, PredictionLoss


@pytest.mark.parametrize("likelihood", ["mse", "gaussian"])
def test_the_loss_is_the_mean_of_the_map(likelihood: Likelihood) -> None:
    target = torch.randn(2, 6, 5, 4)
    prediction = torch.randn(2, 12 if likelihood == "gaussian" else 6, 5, 4)
    score = PredictionLoss(likelihood, "none")(prediction, target)
    assert score.shape == (2, 1, 5, 4)
    torch.testing.assert_close(score.mean(), PredictionLoss(likelihood)(prediction, target))


def test_mse_is_the_mean_squared_error_over_channels() -> None:
    target, prediction = torch.randn(1, 6, 3, 3), torch.randn(1, 6, 3, 3)
    torch.testing.assert_close(
        PredictionLoss("mse", "none")(prediction, target), (prediction - target).square().mean(1, keepdim=True)
    )


def test_gaussian_is_the_negative_log_density() -> None:
    target, mean, log_variance = (torch.randn(1, 4, 3, 3) for _ in range(3))
    density = torch.distributions.Normal(mean, (log_variance / 2).exp())
    constant = 0.5 * torch.log(torch.tensor(2 * torch.pi))
    expected = -density.log_prob(target).mean(1, keepdim=True) - constant
    torch.testing.assert_close(PredictionLoss("gaussian", "none")(torch.cat([mean, log_variance], 1), target), expected)


def test_gaussian_is_torchs_with_its_gradients_and_its_floor() -> None:
    """Torch's own cannot be exported; a variance below 1e-6 counts as 1e-6 and still learns."""
    target, mean = torch.randn(1, 4, 3, 3), torch.randn(1, 4, 3, 3)
    log_variance = torch.linspace(-20, 3, 36).reshape(1, 4, 3, 3)
    own = torch.cat([mean, log_variance], 1).requires_grad_()
    theirs = own.detach().clone().requires_grad_()
    loss = PredictionLoss("gaussian")(own, target)
    expected = torch.nn.functional.gaussian_nll_loss(theirs[:, :4], target, theirs[:, 4:].exp())
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(torch.autograd.grad(loss, own), torch.autograd.grad(expected, theirs))


def test_the_true_variance_has_the_lowest_gaussian_loss() -> None:
    torch.manual_seed(0)
    target = 3.0 * torch.randn(1, 2, 200, 200)

    def loss(std: float) -> float:
        log_variance = torch.full_like(target, 2 * math.log(std))
        return float(PredictionLoss("gaussian")(torch.cat([torch.zeros_like(target), log_variance], 1), target))

    assert min((1.0, 2.0, 3.0, 5.0, 9.0), key=loss) == 3.0
