"""A mixture of Gaussians that leaves components empty which the data does not need."""

import math

import torch
from torch import Tensor

__all__ = ["StickBreakingMixture"]

SMALLEST_VARIANCE = 1e-6
SMALLEST_MASS = torch.finfo(torch.float32).eps


class StickBreakingMixture:
    """Dirichlet process mixture, truncated at K components with diagonal covariances, fitted by online EM.

    Component k has the weight ``v_k (1 - v_1) ... (1 - v_{k-1})``: the part ``v_k`` of what is left of a stick, with
    the prior Beta(1, a) (Sethuraman 1994). Every step moves averages of the sufficient statistics towards those of a
    few rows (Cappe & Moulines 2009, https://doi.org/10.1111/j.1467-9868.2009.00698.x) and takes from them means,
    variances, the most probable sticks and a new ``a``.

    Args:
        means: to begin with, ``[K, C]``.
        variances: to begin with, of every channel, ``[C]``.
        rate: how far a step moves the averages, 0 to 1.
        concentration: ``a`` to begin with; the larger, the more components.
        generator: for the sticks to begin with, drawn from their prior.
    """

    def __init__(
        self, means: Tensor, variances: Tensor, *, rate: float, concentration: float, generator: torch.Generator
    ) -> None:
        self.means = means
        self.variances = (variances + SMALLEST_VARIANCE).expand_as(means)
        self.rate = rate
        self.concentration = concentration
        # The distribution function of Beta(1, a) is 1 - (1 - v)^a
        self.sticks = 1 - torch.rand(len(means), generator=generator) ** (1 / concentration)
        self.sticks[-1] = 1
        self.mass = torch.zeros(len(means))
        self.sums = torch.zeros_like(means)
        self.sums_of_squares = torch.zeros_like(means)

    def log_weights(self) -> Tensor:
        """``[K]``."""
        left = torch.log1p(-self.sticks).cumsum(0)
        return self.sticks.log() + torch.cat([left.new_zeros(1), left[:-1]])

    def log_joint(self, rows: Tensor) -> Tensor:
        """Log of weight times density of rows ``[M, C]`` in all components: ``[M, K]``."""
        precisions = 1 / self.variances
        constants = (self.means.square() * precisions - precisions.log()).sum(1) + rows.shape[1] * math.log(2 * math.pi)
        squared_distances = rows.square() @ precisions.T - 2 * rows @ (self.means * precisions).T
        return self.log_weights() - (squared_distances + constants) / 2

    def step(self, rows: Tensor) -> None:
        """Learn from rows ``[M, C]``."""
        shares = self.log_joint(rows).softmax(1).T / len(rows)
        self.mass.lerp_(shares.sum(1), self.rate)
        self.sums.lerp_(shares @ rows, self.rate)
        self.sums_of_squares.lerp_(shares @ rows.square(), self.rate)
        mass = self.mass.clamp_min(SMALLEST_MASS)[:, None]
        self.means = self.sums / mass
        self.variances = (self.sums_of_squares / mass - self.means.square()).clamp_min(0) + SMALLEST_VARIANCE
        self._break_stick(len(rows))

    def _break_stick(self, count: int) -> None:
        from_here = self.mass.flip(0).cumsum(0).flip(0)
        after = torch.cat([from_here[1:], from_here.new_zeros(1)])
        prior = max(self.concentration - 1, 0.0) / count
        self.sticks = self.mass / (from_here + prior).clamp_min(SMALLEST_MASS)
        # a = (K - 1) / -E[sum of log(1 - v)] in the Beta posteriors
        a = self.concentration
        log_left = torch.digamma(count * after + a) - torch.digamma(count * from_here + a + 1)
        self.concentration = (len(self.mass) - 1) / -log_left[:-1].sum().item()
