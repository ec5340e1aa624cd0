"""Lesions of a macula: fluid in it, fluid behind it, or something that lifts its pigment epithelium."""

from dataclasses import replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from monai_sar.phantoms.retinal_oct.cysts import Cyst
from monai_sar.phantoms.retinal_oct.grid import SHAPE
from monai_sar.phantoms.retinal_oct.macula import Macula
from monai_sar.phantoms.smooth_field import spline_field

__all__ = ["REACH_MM", "RetinaLesionKind", "with_lesion"]

Array = NDArray[np.float32]

REACH_MM = 1.9
"""Beyond this distance from its centre, along columns and B-scans, a lesion moves nothing; within it, any depth."""


class RetinaLesionKind(StrEnum):
    """Dark cysts in a swollen retina, a dark dome of fluid behind it, or drusen or another content below the RPE."""

    INTRARETINAL_CYSTS = "intraretinal_cysts"
    SUBRETINAL_FLUID = "subretinal_fluid"
    PIGMENT_EPITHELIAL_DETACHMENT = "pigment_epithelial_detachment"


def with_lesion(rng: np.random.Generator, kind: RetinaLesionKind, healthy: Macula) -> Macula:
    """Give the macula with one lesion, or with one group of cysts or drusen.

    Args:
        rng: source of randomness.
        kind: what it is.
        healthy: the macula before.
    """
    offset = rng.uniform((-0.9, -0.6), (0.9, 0.6))
    centre = (healthy.fovea[0] + float(offset[0]), healthy.fovea[1] + float(offset[1]))
    if kind is RetinaLesionKind.INTRARETINAL_CYSTS:
        return _with_cysts(rng, healthy, centre)
    if kind is RetinaLesionKind.SUBRETINAL_FLUID:
        return _with_subretinal_fluid(rng, healthy, centre)
    return _with_detachment(rng, healthy, centre)


def _with_cysts(rng: np.random.Generator, healthy: Macula, centre: tuple[float, float]) -> Macula:
    radius = rng.uniform(0.7, 1.5)
    swelling = _dome(rng, healthy, centre, (1.25 * radius, radius), 0.3) ** 1.5
    grown = {"inner_nuclear": rng.uniform(0.02, 0.07), "outer_nuclear": rng.uniform(0.07, 0.2)}
    thickness, reflectivity = dict(healthy.thickness), dict(healthy.reflectivity)
    for layer, mm in grown.items():
        thickness[layer] = thickness[layer] + np.float32(mm) * swelling
        reflectivity[layer] = reflectivity[layer] + 0.05 * np.minimum(2 * swelling, 1)
    fluid = rng.uniform(0.025, 0.06)
    cysts = []
    for number in range(rng.integers(10, 25)):
        layer = "inner_nuclear" if number % 3 == 1 else "outer_nuclear"
        angle, away = rng.uniform(0, 2 * np.pi), 0.75 * radius * np.sqrt(rng.random()) * min(1, number)
        place = (centre[0] + away * np.cos(angle), centre[1] + away * np.sin(angle))
        radii = rng.uniform((0.06, 0.16), (0.2, 0.3)) * (1.4 if number == 0 else 1)
        cysts.append(Cyst(layer, place, (float(radii[0]), float(radii[1])), rng.uniform(0.45, 0.95), fluid))
    return replace(healthy, thickness=thickness, reflectivity=reflectivity, cysts=tuple(cysts))


def _with_subretinal_fluid(rng: np.random.Generator, healthy: Macula, centre: tuple[float, float]) -> Macula:
    radius = rng.uniform(0.5, 1.25)
    dome = _dome(rng, healthy, centre, (radius, rng.uniform(0.75, 1) * radius), 0.25)
    height = np.float32(rng.uniform(0.07, 0.1 + 0.14 * radius)) * dome
    reflectivity = {**healthy.reflectivity, "subretinal_fluid": rng.uniform(0.025, 0.07)}
    return replace(healthy, thickness={**healthy.thickness, "subretinal_fluid": height}, reflectivity=reflectivity)


def _with_detachment(rng: np.random.Generator, healthy: Macula, centre: tuple[float, float]) -> Macula:
    height = np.zeros(SHAPE[1:], np.float32)
    if rng.random() < 0.5:  # drusen
        content = rng.uniform(0.25, 0.45)
        for _ in range(rng.integers(5, 11)):
            place = np.array(centre) + rng.uniform((-1.1, -0.7), (1.1, 0.7))
            radius = rng.uniform(0.12, 0.35)
            radii = (radius, max(radius, 0.2))  # B-scans are far apart
            druse = _dome(rng, healthy, (float(place[0]), float(place[1])), radii, 0.15)
            height = np.maximum(height, np.float32(rng.uniform(0.04, 0.1)) * druse)
    else:
        content = rng.uniform(0.05, 0.4)
        radius = rng.uniform(0.4, 1)
        dome = _dome(rng, healthy, centre, (radius, rng.uniform(0.6, 1) * radius), 0.25)
        height = np.float32(rng.uniform(0.09, 0.1 + 0.16 * radius)) * dome
    # photoreceptors above thin out
    outer = healthy.thickness["outer_nuclear"]
    thickness = {
        **healthy.thickness,
        "sub_pigment_epithelium": height,
        "outer_nuclear": np.maximum(outer - 0.35 * height, 0.5 * outer),
    }
    reflectivity = {**healthy.reflectivity, "sub_pigment_epithelium": content}
    return replace(healthy, thickness=thickness, reflectivity=reflectivity)


def _dome(
    rng: np.random.Generator, macula: Macula, centre: tuple[float, float], radii: tuple[float, float], uneven: float
) -> Array:
    """An uneven dome of height about 1, ``[W, D]``, and 0 beyond ``radii`` mm along columns and B-scans."""
    x, z = macula.grid.en_face
    radial = np.hypot((x - centre[0]) / radii[0], (z - centre[1]) / radii[1])
    bumps = 1 + uneven * spline_field(rng, SHAPE[1:], macula.grid.cells((1, 0.5, 0.5))[1:]) / 0.45
    return np.asarray(np.maximum(1 - radial**2, 0) ** 0.8 * np.maximum(bumps, 0.2), np.float32)
