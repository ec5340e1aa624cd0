"""What the points of a head are made of, painted layer over layer as on a canvas."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Contrast", "Tissue"]

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Contrast:
    """Signal of each tissue on FLAIR relative to white matter: fluid is dark, cortex a little brighter, fat bright."""

    grey: float
    deep_grey: float
    csf: float
    fat: float
    muscle: float
    marrow: float
    white: float = 1.0
    bone: float = 0.1
    air: float = 0.02

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw the contrast of one subject and protocol (inversion time, echo time and fat saturation differ)."""
        return cls(
            grey=rng.uniform(1.22, 1.38),
            deep_grey=rng.uniform(1.08, 1.2),
            csf=rng.uniform(0.12, 0.3),
            fat=rng.uniform(1.8, 3.3),
            muscle=rng.uniform(0.55, 0.85),
            marrow=rng.uniform(0.4, 0.9),
        )


@dataclass(frozen=True)
class Tissue:
    """Signal and composition at a set of points; the three arrays share one shape.

    Attributes:
        signal: FLAIR signal, white matter = 1, before noise and bias field.
        white: share of cerebral white matter, 0 to 1.
        parenchyma: share of brain tissue, white or grey, 0 to 1.
    """

    signal: Array
    white: Array
    parenchyma: Array

    @classmethod
    def filled(cls, shape: tuple[int, ...], signal: float) -> Self:
        """A canvas of one signal value and no brain tissue."""
        canvas = np.zeros((3, *shape), np.float32)
        canvas[0] = signal
        return cls(*canvas)

    def __getitem__(self, where: NDArray[np.intp]) -> Self:
        """A copy at some of the points."""
        return type(self)(self.signal[where], self.white[where], self.parenchyma[where])

    def __setitem__(self, where: NDArray[np.intp], part: "Tissue") -> None:
        """Write back what such a copy became."""
        self.signal[where], self.white[where], self.parenchyma[where] = (
            part.signal,
            part.white,
            part.parenchyma,
        )

    def reshape(self, shape: tuple[int, ...]) -> Self:
        """The same points in another shape."""
        return type(self)(self.signal.reshape(shape), self.white.reshape(shape), self.parenchyma.reshape(shape))

    def paint(self, share: Array, signal: Array | float, *, white: float = 0, parenchyma: float = 0) -> None:
        """Paint over the canvas, in place, where ``share`` (0 to 1) says so."""
        self.signal[...] += share * (signal - self.signal)
        self.white[...] += share * (white - self.white)
        self.parenchyma[...] += share * (parenchyma - self.parenchyma)
