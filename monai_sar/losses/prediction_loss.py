"""How badly an embedding was predicted: the training loss, and without its mean over positions the score."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Likelihood", "PredictionLoss"]

Likelihood = Literal["mse", "gaussian"]


class PredictionLoss(nn.Module):
    """Negative log-likelihood of embeddings under the prediction, up to a factor and a constant, mean over channels.

    ``"mse"``, a Gaussian of unit variance: mean over channels of ``(x - mean)^2``, as published [0].
    ``"gaussian"``, a variance of its own for every channel and position: mean over channels of
    ``0.5 * (log var + (x - mean)^2 / var)``, with the variance kept above 1e-6.

    [0]: https://arxiv.org/abs/2603.02974

    Args:
        likelihood: that of the network.
        reduction: ``"mean"`` over batch and positions (a scalar, the loss), or ``"none"`` (the score map).

    Example:
        >>> import torch
        >>> from monai_sar.losses import PredictionLoss
        >>> PredictionLoss("mse")(torch.zeros(2, 8, 4, 4), torch.ones(2, 8, 4, 4))
        tensor(1.)
    """

    def __init__(self, likelihood: Likelihood = "mse", reduction: Literal["mean", "none"] = "mean") -> None:
        super().__init__()
        self.likelihood = likelihood
        self.reduction = reduction

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compare.

        Args:
            prediction: the network's output, ``[B, C, ...]`` (mse) or ``[B, 2C, ...]`` (gaussian).
            target: embeddings ``[B, C, ...]``.

        Returns:
            A scalar, or ``[B, 1, ...]`` without reduction.
        """
        if self.likelihood == "gaussian":
            mean, log_variance = prediction.chunk(2, dim=1)
            variance = log_variance.exp()
            # clamped for the value, not the gradient, as in F.gaussian_nll_loss, whose check no ONNX export can record
            variance = variance + (variance.clamp_min(1e-6) - variance).detach()
            error = 0.5 * (variance.log() + (mean - target).square() / variance)
        else:
            error = F.mse_loss(prediction, target, reduction="none")
        error = error.mean(dim=1, keepdim=True)
        return error.mean() if self.reduction == "mean" else error
