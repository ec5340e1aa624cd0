"""What a domain of phantoms must bring, so that one data set on disk is written like another."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Phantom", "PhantomDomain", "Pixels"]

Pixels = NDArray[np.uint8] | NDArray[np.uint16]


class Phantom(Protocol):
    """One subject, in the order of the display: rows, columns, slices."""

    @property
    def mask(self) -> NDArray[np.bool_]:
        """The lesion, ``[H, W, D]``; all false in a normal subject."""


P = TypeVar("P", bound=Phantom)


@dataclass(frozen=True)
class PhantomDomain(Generic[P]):
    """One kind of scan that phantoms imitate.

    Attributes:
        name: of the domain, as in the names of the bundles.
        generator: raised whenever the same seed gives another image than before.
        imitates: completes "They imitate ...", for the README of the data set.
        folders: what lies in the data set's folders, likewise.
        make: seed, number of the subject, whether it has a lesion -> the subject. The same numbers always give the
            same subject.
        slice_pixels: a subject -> ``[H, W, D]`` as its slices are stored in PNG; all slices share one scale.
        volume_folder: name of the folder of the volumes.
        write_volume: writes a subject as a scanner's export would be, to a folder, under its number.
    """

    name: str
    generator: int
    imitates: str
    folders: str
    make: Callable[[int, int, bool], P]
    slice_pixels: Callable[[P], Pixels]
    volume_folder: str
    write_volume: Callable[[P, Path, int], None]
