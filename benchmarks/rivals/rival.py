"""What every rival can do."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

__all__ = ["Rival"]


class Rival(ABC):
    """An anomaly detector on grids of embeddings, one per patch of an image, that learns from normal images alone.

    All hold grids of embeddings ``[B, C, h, w]``, float16 or float32, on the CPU. The rows of what is kept, and all
    scores, are float32.
    """

    name: ClassVar[str]
    """As in a table."""

    smoothing: ClassVar[float | None] = None
    """Standard deviation in pixels of the Gaussian that belongs to the method, on the upsampled map; None: none."""

    bank: Tensor
    """Rows ``[M, C]`` that patches are compared with, which :meth:`fit` leaves behind."""

    @abstractmethod
    def fit(self, features: Tensor) -> None:
        """Learn from all training images ``[N, C, h, w]``; forgets what was learned before."""

    @abstractmethod
    def score(self, features: Tensor) -> Tensor:
        """Score every patch of ``[B, C, h, w]``: ``[B, 1, h, w]``, high is anomalous."""

    def image_score(self, features: Tensor, scores: Tensor) -> Tensor:
        """Score images ``[B]`` from their embeddings and what :meth:`score` gave for them: the highest of a patch."""
        return scores.flatten(1).amax(1)

    @property
    def kept_bytes(self) -> int:
        """Memory of what has to be kept to score new images."""
        return self.bank.nbytes
