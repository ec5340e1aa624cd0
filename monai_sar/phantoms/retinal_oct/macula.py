"""The layers of a macula, from the vitreous to the choroid."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from monai_sar.phantoms.retinal_oct.cysts import Cyst, cyst_share
from monai_sar.phantoms.retinal_oct.grid import SHAPE, OctGrid
from monai_sar.phantoms.retinal_oct.vessels import Choroid, RetinalVessels
from monai_sar.phantoms.shapes import coverage
from monai_sar.phantoms.smooth_field import spline_field

__all__ = ["LAYERS", "Macula"]

Array = NDArray[np.float32]

LAYERS: Mapping[str, float] = {
    "hyaloid": 0.14,  # back face of a vitreous that has let go of the retina; not in everyone
    "bursa": 0.02,  # fluid behind it
    "nerve_fibres": 0.68,
    "ganglion_cells": 0.38,  # with the inner plexiform layer
    "inner_nuclear": 0.19,
    "outer_plexiform": 0.36,
    "outer_nuclear": 0.13,
    "limiting_membrane": 0.3,
    "inner_segments": 0.2,
    "ellipsoid_zone": 0.8,  # the line also called IS/OS
    "outer_segments": 0.34,
    "subretinal_fluid": 0.03,
    "pigment_epithelium": 0.95,
    "sub_pigment_epithelium": 0.4,
}
"""From anterior to posterior, with their reflectivity: 0 is black, 1 about the brightest in a scan.

Names and order: Staurenghi et al., Ophthalmology 121(8), 2014.
"""

ABNORMAL_LAYERS = ("subretinal_fluid", "sub_pigment_epithelium")  # of no thickness in the healthy
VITREOUS = 0.02


@dataclass(frozen=True)
class Macula:
    """What a scan looks at. Maps are ``[W, D]``, one value for each column of each B-scan.

    Attributes:
        grid: where the voxels lie.
        fovea: its place in mm, along columns and B-scans.
        bruch: depth of Bruch's membrane, on which all layers stand, in mm.
        thickness: of each of ``LAYERS``, in mm.
        reflectivity: of each of ``LAYERS``, a map or one value.
        vitreous: reflectivity in front of all layers.
        vessels: in the inner retina.
        choroid: behind Bruch's membrane.
        cysts: fluid within the layers; none in the healthy.
    """

    grid: OctGrid
    fovea: tuple[float, float]
    bruch: Array
    thickness: Mapping[str, Array]
    reflectivity: Mapping[str, Array | float]
    vitreous: float
    vessels: RetinalVessels
    choroid: Choroid
    cysts: tuple[Cyst, ...] = ()

    @classmethod
    def draw(cls, rng: np.random.Generator, grid: OctGrid, *, nasal: int) -> Self:
        """Draw a healthy macula.

        Args:
            rng: source of randomness.
            grid: where the voxels lie.
            nasal: 1 where columns run to the nose (right eye), -1 where they run to the temple.
        """
        x, z = grid.en_face
        fovea = tuple(rng.uniform((-0.5, -0.4), (0.5, 0.4)).tolist())
        distance = np.hypot(x - fovea[0], z - fovea[1])
        pit = 1 - np.exp(-((distance / rng.uniform(0.34, 0.5)) ** 2))
        thickness = _thickness(rng, distance, pit, nasal * (x - fovea[0]))
        reflectivity: dict[str, Array | float] = {
            name: usual * rng.uniform(0.88, 1.12) for name, usual in LAYERS.items()
        }
        vitreous, reflectivity["bursa"] = VITREOUS, VITREOUS
        if rng.random() < 0.35:
            vitreous = rng.uniform(0.03, 0.07)
        else:
            reflectivity["hyaloid"] = VITREOUS
        tilt, tilt_z = rng.uniform((-0.045, -0.03), (0.045, 0.03))
        bowl = rng.uniform(0.004, 0.036)
        bruch = rng.uniform(0.9, 1.04) + tilt * x + tilt_z * z - bowl * (x**2 + 0.5 * z**2)
        bruch = bruch + 0.025 * spline_field(rng, SHAPE[1:], (5, 3)) + rng.normal(0, 0.008, SHAPE[2])  # the eye moves
        return cls(
            grid=grid,
            fovea=(fovea[0], fovea[1]),
            bruch=bruch.astype(np.float32),
            thickness=thickness,
            reflectivity=reflectivity,
            vitreous=vitreous,
            vessels=RetinalVessels.draw(rng, grid, pit),
            choroid=Choroid.draw(rng, grid),
        )

    def top(self, layer: str) -> Array:
        """Depth of the anterior surface of a layer in mm."""
        names = list(LAYERS)
        return self.bruch - sum((self.thickness[name] for name in names[names.index(layer) :]), np.float32(0))

    def render(self) -> tuple[Array, NDArray[np.bool_]]:
        """Give the reflectivity and the lesion, both ``[H, W, D]``.

        The lesion is where fluid, or what lifts the pigment epithelium, makes up more than half of a voxel.
        """
        depth, row_mm = self.grid.depth, self.grid.spacing[0]
        fronts = [depth - self.top(name) for name in LAYERS] + [depth - self.bruch]
        behind = dict(zip((*LAYERS, "bruch"), (coverage(front, row_mm) for front in fronts), strict=True))
        signal = np.float32(self.vitreous) * (1 - behind["hyaloid"])
        share = np.zeros(SHAPE, np.float32)
        # shares of voxels are exact for a layer thinner than a row, and 0 for one without thickness
        for name, (front, back) in zip(LAYERS, pairwise(behind.values()), strict=True):
            signal += np.asarray(self.reflectivity[name], np.float32) * (front - back)
            if name in ABNORMAL_LAYERS:
                share += front - back
        signal += behind["bruch"] * self.choroid.signal(depth - self.bruch)
        signal = self.vessels.cast(signal, depth - self.top("ganglion_cells"), behind["ganglion_cells"])
        for cyst in self.cysts:
            columns, fluid = cyst_share(cyst, self.grid, self.top(cyst.layer), self.thickness[cyst.layer])
            signal[:, columns] += fluid * (np.float32(cyst.reflectivity) - signal[:, columns])
            np.maximum(share[:, columns], fluid, out=share[:, columns])
        return signal, share > 0.5


def _thickness(rng: np.random.Generator, distance: Array, pit: Array, to_nose: Array) -> dict[str, Array]:
    """Thickness in mm by ``distance`` from the fovea; ``pit`` is 0 in its middle and 1 far from it."""
    centre = np.exp(-((distance / 0.45) ** 2))
    usual = {
        "hyaloid": 0.012,
        "bursa": rng.uniform(0.06, 0.3) + rng.uniform(-0.04, 0.04) * to_nose + 0.1 * (1 - pit),
        "nerve_fibres": pit * (0.01 + 0.014 * np.exp(0.38 * to_nose)),
        "ganglion_cells": pit * (0.03 + 0.075 * np.exp(-((distance / 1.6) ** 2))),
        "inner_nuclear": 0.037 * pit,
        "outer_plexiform": 0.008 + 0.022 * pit,
        "outer_nuclear": 0.062 + 0.045 * centre,
        "limiting_membrane": 0.006,
        "inner_segments": 0.02,
        "ellipsoid_zone": 0.016,
        "outer_segments": 0.021 + 0.015 * centre,
        "subretinal_fluid": 0,
        "pigment_epithelium": 0.026,
        "sub_pigment_epithelium": 0,
    }
    size = rng.uniform(0.9, 1.12)
    maps = {}
    for name, value in usual.items():
        uneven = 1 + 0.15 * spline_field(rng, SHAPE[1:], (6, 3))
        maps[name] = np.maximum(size * np.asarray(value) * uneven, 0).astype(np.float32)
    maps["bursa"] = np.maximum(maps["bursa"], 0.03)
    return maps
