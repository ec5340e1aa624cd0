"""Make the embedding channels uncorrelated and of unit variance over normal images."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ChannelWhitening"]

SHRINKAGE = 0.01
"""Share of the identity in the correlation matrix: no direction is amplified more than tenfold."""


class ChannelWhitening(nn.Module):
    """``W (x - mean)``, with the symmetric whitening of standardised channels (ZCA-cor [0]).

    A squared error of whitened channels weighs an unusual *combination* of channels as much as an unusual value of one:
    it is the Mahalanobis distance between prediction and embedding, under the covariance of normal embeddings. Mean and
    matrix are of the training features and saved with the network. Until :meth:`fit` it is the identity.

    [0]: https://doi.org/10.1080/00031305.2016.1277159 (Kessy, Lewin, Strimmer 2018)

    Args:
        channels: of an embedding.
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, channels, 1, 1))
        self.register_buffer("matrix", torch.eye(channels))

    def forward(self, features: Tensor) -> Tensor:
        """Whiten ``[B, C, h, w]``; in float32, because small differences of large channels count here."""
        if torch.is_autocast_enabled(features.device.type):
            with torch.autocast(features.device.type, enabled=False):
                return self.forward(features.float())
        return F.conv2d(features - self.mean, self.matrix[:, :, None, None])

    def fit(self, features: Iterable[Tensor]) -> "ChannelWhitening":
        """Take mean and covariance over all positions of all grids ``[C, h, w]``, in one pass.

        Raises:
            ValueError: no features, or some that are not finite.
        """
        channels = len(self.matrix)
        count = 0
        total = torch.zeros(channels, dtype=torch.float64)
        total_of_products = torch.zeros(channels, channels, dtype=torch.float64)
        for grid in features:
            values = grid.flatten(1).to("cpu", torch.float64)
            count += values.shape[1]
            total += values.sum(1)
            total_of_products += values @ values.T
        if count == 0 or not bool(torch.isfinite(total_of_products).all()):
            raise ValueError("Channels cannot be whitened: there are no training features, or some are not finite.")
        mean = total / count
        self.mean.copy_(mean.view_as(self.mean))
        self.matrix.copy_(_whitening_matrix(total_of_products / count - mean.outer(mean)))
        return self


def _whitening_matrix(covariance: Tensor) -> Tensor:
    """``P^(-1/2) / std`` with the shrunk correlation matrix ``P``: ``[C, C]``."""
    std = covariance.diagonal().clamp_min(0).sqrt()
    # a channel that never varies carries nothing: leave it at its mean instead of dividing by zero
    std = torch.where(std > 1e-6, std, torch.ones_like(std))
    correlation = (1 - SHRINKAGE) * covariance / std.outer(std)
    correlation.diagonal().fill_(1)
    eigenvalues, eigenvectors = torch.linalg.eigh(correlation)
    matrix: Tensor = eigenvectors * eigenvalues.clamp_min(SHRINKAGE).rsqrt() @ eigenvectors.T / std
    return matrix
