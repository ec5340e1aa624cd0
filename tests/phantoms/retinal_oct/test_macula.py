"""Layers lie in their order of depth and brightness, and lesions where their kind says."""

import numpy as np
import pytest
from numpy.typing import NDArray

from monai_sar.phantoms.retinal_oct.grid import SHAPE, OctGrid
from monai_sar.phantoms.retinal_oct.lesion import RetinaLesionKind, with_lesion
from monai_sar.phantoms.retinal_oct.macula import LAYERS, Macula
from monai_sar.phantoms.retinal_oct.oct_signal import acquire
from monai_sar.phantoms.retinal_oct.subject import USUAL_SPACING

GRID = OctGrid(USUAL_SPACING)
CYSTS, FLUID, DETACHMENT = RetinaLesionKind


def healthy(seed: int, nasal: int = 1) -> Macula:
    return Macula.draw(np.random.default_rng(seed), GRID, nasal=nasal)


def diseased(seed: int, kind: RetinaLesionKind) -> tuple[Macula, NDArray[np.bool_]]:
    macula = with_lesion(np.random.default_rng(seed), kind, healthy(seed))
    return macula, macula.render()[1]


def within(macula: Macula, first: str, last: str) -> NDArray[np.bool_]:
    """Voxels whose centre lies behind the front of one layer and before that of another."""
    return (GRID.depth >= macula.top(first)) & (GRID.depth < macula.top(last))


@pytest.mark.parametrize("seed", range(4))
def test_layers_are_stacked_within_the_scan_and_no_healthy_one_is_a_lesion(seed: int) -> None:
    macula = healthy(seed)
    tops = np.array([macula.top(name) for name in LAYERS])
    assert np.diff(tops, axis=0).min() > -1e-6
    assert macula.top("nerve_fibres").min() > 0.1
    assert macula.bruch.max() < GRID.depth.max() - 0.2
    assert not macula.render()[1].any()


def test_a_retina_is_as_thick_as_a_retina_and_thinnest_in_the_fovea() -> None:
    x, z = GRID.en_face
    for seed in range(6):
        macula = healthy(seed)
        thickness = macula.bruch - macula.top("nerve_fibres")
        distance = np.hypot(x - macula.fovea[0], z - macula.fovea[1])
        fovea, ring = thickness[distance < 0.2].mean(), thickness[(distance > 0.7) & (distance < 1.2)].mean()
        assert 0.16 < fovea < 0.28
        assert 0.26 < ring < 0.42
        assert fovea < 0.85 * ring


@pytest.mark.parametrize("nasal", [1, -1])
def test_nerve_fibres_are_thicker_towards_the_nose(nasal: int) -> None:
    fibres = np.mean([healthy(seed, nasal).thickness["nerve_fibres"] for seed in range(4)], axis=0)[::nasal]
    assert fibres[-80:].mean() > 2 * fibres[:80].mean()


def test_bright_and_dark_layers_take_turns_in_the_scan() -> None:
    orders = []
    for seed in range(3):
        macula = healthy(seed)
        image = acquire(np.random.default_rng(seed), macula.render()[0])
        layers = list(LAYERS)
        brightness = {
            name: image[(image < 255) & within(macula, name, layers[layers.index(name) + 1])].mean()
            for name in ("nerve_fibres", "ganglion_cells", "inner_nuclear", "outer_plexiform", "outer_nuclear")
        }
        brightness["pigment_epithelium"] = image[within(macula, "pigment_epithelium", "sub_pigment_epithelium")].mean()
        brightness["vitreous"] = image[(image < 255) & (GRID.depth < macula.top("hyaloid") - 0.05)].mean()
        orders.append(sorted(brightness, key=brightness.__getitem__))
        assert brightness["ganglion_cells"] > 1.2 * brightness["inner_nuclear"]
        assert brightness["outer_plexiform"] > 1.2 * brightness["outer_nuclear"]
        # deep in the choroid light is lost
        below = GRID.depth - macula.bruch
        near, far = ((below > a) & (below < a + 0.05) & (image < 255) for a in (0, 0.4))
        assert image[near].mean() > 1.5 * image[far].mean()
    assert {(order[0], order[-2], order[-1]) for order in orders} == {
        ("vitreous", "nerve_fibres", "pigment_epithelium")
    }


@pytest.mark.parametrize("seed", range(4))
def test_cysts_lie_in_the_nuclear_layers_of_a_swollen_retina(seed: int) -> None:
    macula, mask = diseased(seed, CYSTS)
    inside = within(macula, "inner_nuclear", "outer_plexiform") | within(macula, "outer_nuclear", "limiting_membrane")
    assert mask.any()
    assert not (mask & ~inside).any()
    swelling = healthy(seed).top("nerve_fibres") - macula.top("nerve_fibres")
    assert swelling[mask.any(0)].mean() > 0.03
    assert swelling.min() >= 0


@pytest.mark.parametrize("seed", range(4))
def test_subretinal_fluid_fills_the_gap_in_front_of_the_pigment_epithelium(seed: int) -> None:
    macula, mask = diseased(seed, FLUID)
    np.testing.assert_array_equal(macula.top("pigment_epithelium"), healthy(seed).top("pigment_epithelium"))
    gap = within(macula, "subretinal_fluid", "pigment_epithelium")
    # differ at most by the voxels that a surface cuts
    assert np.count_nonzero(mask ^ gap) <= 2 * np.count_nonzero(macula.thickness["subretinal_fluid"])
    assert np.count_nonzero(mask & gap) > 0.9 * np.count_nonzero(mask)


@pytest.mark.parametrize("seed", range(6))
def test_a_detachment_lifts_the_pigment_epithelium_off_bruchs_membrane(seed: int) -> None:
    macula, mask = diseased(seed, DETACHMENT)
    before = healthy(seed)
    np.testing.assert_array_equal(macula.bruch, before.bruch)
    lift = before.top("pigment_epithelium") - macula.top("pigment_epithelium")
    assert lift.max() > 0.03
    np.testing.assert_allclose(lift, macula.thickness["sub_pigment_epithelium"], atol=1e-6)
    assert mask.any()
    rows, columns, slices = mask.nonzero()
    depth = rows * USUAL_SPACING[0]
    assert (depth > macula.top("sub_pigment_epithelium")[columns, slices] - USUAL_SPACING[0]).all()
    assert (depth < macula.bruch[columns, slices] + USUAL_SPACING[0]).all()


def test_every_kind_shows_in_several_b_scans_but_takes_a_small_part_of_them() -> None:
    for kind in RetinaLesionKind:
        for seed in range(4):
            mask = diseased(seed, kind)[1]
            assert np.count_nonzero(mask.sum((0, 1)) >= 16) >= 2
            assert mask.mean() < 0.04
            assert mask.shape == SHAPE
