"""One Gaussian for all patches: the simplest density there is."""

import torch
from torch import Tensor

from benchmarks.rivals.rival import Rival
from monai_sar.networks import ChannelWhitening

__all__ = ["SingleGaussian"]


class SingleGaussian(Rival):
    """The Mahalanobis distance of an embedding to the mean of all training patches, whatever is around it.

    It is what is left of the method once the channels are whitened and the AR network predicts nothing: what the
    network is worth shows against this row. PaDiM [0] has such a Gaussian for every position.

    [0]: Defard et al., PaDiM: a Patch Distribution Modeling Framework, https://arxiv.org/abs/2011.08785
    """

    name = "one Gaussian"

    def fit(self, features: Tensor) -> None:
        """Take mean and covariance."""
        self.whitening = ChannelWhitening(features.shape[1]).fit(features)
        self.bank = torch.cat([self.whitening.mean.flatten()[None], self.whitening.matrix])

    def score(self, features: Tensor) -> Tensor:
        """Squared distance, mean over channels."""
        white: Tensor = self.whitening(features.float())
        return white.square().mean(1, keepdim=True)
