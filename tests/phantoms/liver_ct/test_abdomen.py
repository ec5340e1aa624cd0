"""Tissues have their HU where the template has them, and a scanner adds blur and noise but no bias to speak of."""

import numpy as np
import pytest
from numpy.typing import NDArray

from monai_sar.phantoms.liver_ct.attenuation import Attenuation
from monai_sar.phantoms.liver_ct.canvas import Canvas
from monai_sar.phantoms.liver_ct.ct_scanner import NOISE_HU, acquire
from monai_sar.phantoms.liver_ct.liver import Liver
from monai_sar.phantoms.liver_ct.organs import Organs
from monai_sar.phantoms.liver_ct.spine import paint_spine
from monai_sar.phantoms.liver_ct.trunk import Trunk

STEP = 2.0
LOW = (-170.0, -126.0, -60.0)
HU = Attenuation.draw(np.random.default_rng(1))
ORGANS = Organs.draw(np.random.default_rng(2))


def grid() -> NDArray[np.float32]:
    y, x, z = (np.arange(low, -low + 1, STEP) for low in (LOW[1], LOW[0], LOW[2]))
    y, x, z = np.meshgrid(y, x, z, indexing="ij")
    return np.stack([x, y, z]).astype(np.float32)


@pytest.fixture(scope="module")
def abdomen() -> Canvas:
    rng = np.random.default_rng(3)
    canvas = Canvas.filled(grid(), HU.air)
    trunk = Trunk(fat_mm=16, wall_mm=15, domes_mm=(0, 0), rib_phase_mm=0)
    trunk.paint(canvas, HU)
    paint_spine(canvas, rng, HU)
    ORGANS.paint(canvas, HU)
    Liver.draw(rng).paint(canvas, rng, HU, trunk=trunk, organs=ORGANS)
    return canvas


def at(canvas: Canvas, layer: NDArray[np.float32], place: tuple[float, float, float]) -> float:
    column, row, k = np.round(np.subtract(place, LOW) / STEP).astype(int)
    return float(layer[row, column, k])


@pytest.mark.parametrize(
    ("place", "hu"),
    [
        ((-168, -120, 0), HU.air),
        ((0, -104, 0), HU.fat),
        ((-100, -20, 56), HU.lung),
        ((30, 78, 0), HU.muscle),
        ((11, 20, 0), HU.aorta),
        ((-20, 15, -20), HU.cava),
        (ORGANS.round["spleen"].centre, HU.spleen),
        (ORGANS.round["gallbladder"].centre, HU.bile),
    ],
)
def test_a_tissue_has_its_attenuation_in_its_place(
    abdomen: Canvas, place: tuple[float, float, float], hu: float
) -> None:
    assert at(abdomen, abdomen.hu, place) == pytest.approx(hu, abs=1)


@pytest.mark.parametrize("name", ["gallbladder", "right_kidney", "spleen", "left_kidney"])
def test_the_liver_leaves_out_its_neighbours(abdomen: Canvas, name: str) -> None:
    assert at(abdomen, abdomen.liver_depth, ORGANS.round[name].centre) < 0


def test_the_liver_is_not_in_the_cava_the_lung_or_the_wall(abdomen: Canvas) -> None:
    assert at(abdomen, abdomen.liver_depth, (-100, 0, 0)) > 5
    for place in ((-21, 15, 0), (-100, -20, 56), (-150, 0, 0)):
        assert at(abdomen, abdomen.liver_depth, place) < 0
    liver = abdomen.hu[abdomen.liver_depth > 4]
    assert np.median(liver) == pytest.approx(HU.liver, abs=4)
    assert HU.liver - 20 < liver.min()
    assert liver.max() <= HU.liver_vessels + 1


def test_a_part_of_a_canvas_is_painted_on_the_canvas() -> None:
    canvas = Canvas.filled(grid(), 0)
    part = canvas.within((-20, 10, -30), (10, 60, 30))
    inside = np.all((grid().T >= (-20, 10, -30)) & (grid().T <= (10, 60, 30)), -1).T
    part.paint(np.full(part.points.shape[1], 9, np.float32), 7)
    np.testing.assert_array_equal(canvas.hu == 7, inside)
    assert canvas.within((500, 0, 0), (600, 9, 9)).hu.size == 0


def test_noise_is_that_of_a_reconstruction() -> None:
    water = np.zeros((96, 96, 12), np.float32)
    scan = acquire(np.random.default_rng(0), water)
    middle = scan[32:64, 32:64]
    assert NOISE_HU[0] * 0.85 < middle.std() < NOISE_HU[1] * 1.05
    assert -8 < middle.mean() < 0  # beam hardening
    edge = scan[:, :8]
    assert edge.std() < 0.9 * middle.std()
    assert abs(np.corrcoef(scan[..., :-1].ravel(), scan[..., 1:].ravel())[0, 1]) < 0.03
    power = (np.abs(np.fft.fft2(scan - scan.mean(), axes=(0, 1))) ** 2).mean(-1)
    low, mid, high = power[1:4, 1:4].mean(), power[12:24, 12:24].mean(), power[40:48, 40:48].mean()
    assert low < 0.6 * mid
    assert high < 0.3 * mid


def test_noise_does_not_depend_on_what_is_scanned() -> None:
    water = np.zeros((64, 64, 4), np.float32)
    other = water.copy()
    other[20:30, 20:30, 2] = 60
    change = acquire(np.random.default_rng(0), other) - acquire(np.random.default_rng(0), water)
    assert change[25, 25, 2] == pytest.approx(60, abs=1)
    assert np.count_nonzero(change[..., [0, 1, 3]]) == 0
    assert np.count_nonzero(change[34:]) == 0
