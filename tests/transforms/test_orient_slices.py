"""Slices lie as a radiologist expects them, and every voxel finds its way back."""

from collections.abc import Hashable
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, Invertd
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from monai_sar.transforms.orient_slices import OrientDrawnd, OrientSlices, OrientSlicesd

SHAPE, SPACING = (4, 5, 3), (0.7, 1.1, 5.5)
GROWS = {  # unit vectors (RAS) of rows, columns and slices
    "axial": ((0, -1, 0), (-1, 0, 0), (0, 0, 1)),
    "coronal": ((0, 0, -1), (-1, 0, 0), (0, -1, 0)),
    "sagittal": ((0, 0, -1), (0, -1, 0), (1, 0, 0)),
}
Matrix = NDArray[np.float64]

SIGNED_PERMUTATIONS = [
    np.eye(3)[:, order] * signs for order in permutations(range(3)) for signs in product((-1, 1), repeat=3)
]


def to_affine(directions: Matrix) -> Matrix:
    affine = np.eye(4)
    affine[:3] = np.column_stack([directions * SPACING, (-30.3, 41.7, 5.9)])
    return affine


def random_affines(count: int) -> list[Matrix]:
    """Return rotations by any angle, some of them mirrored."""
    rotations = Rotation.random(count, random_state=0).as_matrix()
    return [to_affine(rotation * (1, 1, (-1) ** index)) for index, rotation in enumerate(rotations)]


def ambiguous_affines() -> list[Matrix]:
    """Return rotations by 45 degrees, where two array axes are as near to a world axis."""
    angles = product((0, 45, 135), repeat=3)
    return [to_affine(Rotation.from_euler("xyz", turn, degrees=True).as_matrix()) for turn in angles]


def scan(affine: Matrix, slice_axis: int = 2) -> MetaTensor:
    """Return a scan whose channels are the world coordinates (RAS, mm) of its voxels: ``[3, X, Y, Z]``."""
    index = np.stack([*np.indices(SHAPE), np.ones(SHAPE)])
    world = np.tensordot(affine, index, axes=1)[:3]
    return MetaTensor(
        torch.from_numpy(world), affine=torch.from_numpy(affine), meta={"slice_axis": slice_axis, "kind": "nifti"}
    )


def steps(volume: MetaTensor) -> Matrix:
    """Return the world vector (RAS, mm) of one step along rows, columns and slices, read off the voxels."""
    world = volume.numpy()
    return np.stack([np.diff(world, axis=axis).mean(axis=(1, 2, 3)) for axis in (1, 2, 3)])


@pytest.mark.parametrize("axis", GROWS)
def test_rows_columns_and_slices_grow_as_displayed(axis: str) -> None:
    for directions in SIGNED_PERMUTATIONS:
        step = steps(OrientSlices(axis)(scan(to_affine(directions))))
        np.testing.assert_allclose(step / np.linalg.norm(step, axis=1, keepdims=True), GROWS[axis], atol=1e-12)


@pytest.mark.parametrize("axis", GROWS)
def test_oblique_scans_are_displayed_by_their_nearest_axes(axis: str) -> None:
    tilt = Rotation.from_euler("xyz", (20, -15, 25), degrees=True).as_matrix()
    for directions in SIGNED_PERMUTATIONS:
        step = steps(OrientSlices(axis)(scan(to_affine(tilt @ directions))))
        cosines = (step / np.linalg.norm(step, axis=1, keepdims=True) * GROWS[axis]).sum(axis=1)
        assert cosines.min() > 0.8


@pytest.mark.parametrize("axis", ["acquisition", *GROWS])
@pytest.mark.parametrize("affine", [*random_affines(30), *ambiguous_affines()])
def test_every_voxel_stays_in_its_place_and_finds_its_way_back(axis: str, affine: Matrix) -> None:
    image = scan(affine)
    orient = OrientSlices(axis)
    oriented = orient(image)
    # the voxels of the oriented volume lie where its affine says
    index = np.stack([*np.indices(oriented.shape[1:]), np.ones(oriented.shape[1:])])
    np.testing.assert_allclose(oriented.numpy(), np.tensordot(oriented.affine.numpy(), index, axes=1)[:3], atol=1e-9)
    restored = orient.inverse(oriented)
    assert torch.equal(restored.as_tensor(), image.as_tensor())
    assert torch.equal(restored.affine, image.affine)
    assert restored.meta["slice_axis"] == 2
    assert restored.applied_operations == []


@pytest.mark.parametrize("affine", [*random_affines(10), *ambiguous_affines()])
def test_invertd_brings_a_prediction_back_exactly(affine: Matrix) -> None:
    preprocessing = Compose([OrientSlicesd("image", axis="coronal"), OrientDrawnd("lesion")])
    image = scan(affine)
    item = preprocessing({"image": image.clone(), "lesion": image})  # type: ignore[no-untyped-call]
    item["pred"] = MetaTensor(item["image"].as_tensor() * 2)  # what comes from a network may know no affine
    restored = Invertd("pred", preprocessing, orig_keys="image", nearest_interp=False)(item)["pred"]
    assert torch.equal(restored.as_tensor(), image.as_tensor() * 2)
    assert torch.equal(restored.affine, image.affine)
    assert restored.meta["slice_axis"] == 2


@pytest.mark.parametrize("slice_axis", [0, 1, 2])
def test_acquired_slices_come_last_in_the_nearest_plane(slice_axis: int) -> None:
    tilt = Rotation.from_euler("xyz", (20, -15, 25), degrees=True).as_matrix()
    planes = set()
    for directions in SIGNED_PERMUTATIONS:
        image = scan(to_affine(tilt @ directions), slice_axis)
        oriented = OrientSlices()(image)
        assert oriented.pixdim[2] == pytest.approx(SPACING[slice_axis])
        assert oriented.meta["slice_axis"] == 2
        world_axis = int(np.abs(directions[:, slice_axis]).argmax())
        plane = ("sagittal", "coronal", "axial")[world_axis]
        assert torch.equal(oriented.as_tensor(), OrientSlices(plane)(image).as_tensor())
        # the meta still tells the acquired plane of the turned array
        assert torch.equal(OrientSlices()(OrientSlices("coronal")(image)).as_tensor(), oriented.as_tensor())
        planes.add(plane)
    assert len(planes) == 3


def test_the_input_is_left_as_it_was() -> None:
    image = scan(to_affine(SIGNED_PERMUTATIONS[11]))
    voxels, affine = image.as_tensor().clone(), image.affine.clone()
    OrientSlices("sagittal")(image)
    assert torch.equal(image.as_tensor(), voxels)
    assert torch.equal(image.affine, affine)
    assert image.meta["slice_axis"] == 2
    assert image.applied_operations == []


@pytest.mark.parametrize("affine", ambiguous_affines())
@pytest.mark.parametrize("axis", ["acquisition", "as_stored", "sagittal"])
def test_the_outline_is_oriented_as_the_image_whatever_its_header_rounds_to(affine: Matrix, axis: str) -> None:
    rounded = affine + np.random.default_rng(1).normal(0, 1e-4, (4, 4)) * [[1], [1], [1], [0]]
    outline = MetaTensor(scan(affine).as_tensor()[:1].clone(), affine=torch.from_numpy(rounded))
    data: dict[Hashable, Any] = {"image": scan(affine), "lesion": outline}
    oriented = OrientDrawnd("lesion")(OrientSlicesd("image", axis=axis)(data))
    assert torch.equal(oriented["lesion"].as_tensor(), oriented["image"].as_tensor()[:1])
    torch.testing.assert_close(oriented["lesion"].affine, oriented["image"].affine, rtol=0, atol=1e-2)


def test_masks_of_an_image_that_was_not_oriented_are_refused() -> None:
    image = scan(to_affine(np.eye(3)))
    with pytest.raises(ValueError, match="was not oriented; put OrientSlicesd before"):
        OrientDrawnd("lesion")({"image": image, "lesion": image})


def test_an_outline_on_another_grid_is_refused_by_both_names() -> None:
    image = scan(to_affine(np.eye(3)))
    image.meta["filename_or_obj"] = "scans/brain.nii.gz"
    shifted = to_affine(np.eye(3))
    shifted[0, 3] += 0.2
    for outline, told in (
        (MetaTensor(torch.zeros(1, 4, 5, 2), affine=image.affine), r"has \(4, 5, 2\) voxels.*has \(4, 5, 3\)"),
        (MetaTensor(torch.zeros(1, *SHAPE), affine=torch.from_numpy(shifted)), r"up to 0.2 mm beside"),
    ):
        outline.meta["filename_or_obj"] = "masks/brain_lesion.nii.gz"
        with pytest.raises(ValueError, match=told) as error:
            OrientDrawnd("lesion")(OrientSlicesd("image")({"image": image, "lesion": outline}))
        assert "masks/brain_lesion.nii.gz" in str(error.value)
        assert "scans/brain.nii.gz" in str(error.value)


def test_a_scan_without_outline_needs_leave() -> None:
    data = OrientSlicesd("image")({"image": scan(to_affine(np.eye(3)))})
    assert set(OrientDrawnd("lesion", allow_missing_keys=True)(data)) == {"image"}
    with pytest.raises(KeyError, match="lesion"):
        OrientDrawnd("lesion")(data)


def test_the_dictionary_transform_equals_the_array_transform() -> None:
    for directions, axis in product(SIGNED_PERMUTATIONS, GROWS):
        data: dict[Hashable, Any] = {"image": scan(to_affine(directions)), "other": 7}
        expected = OrientSlices(axis)(data["image"])
        oriented = OrientSlicesd("image", axis=axis)(data)
        image = oriented["image"]
        assert torch.equal(image.as_tensor(), expected.as_tensor())
        assert torch.equal(image.affine, expected.affine)
        assert image.meta["slice_axis"] == expected.meta["slice_axis"]
        assert image.applied_operations[-1]["class"] == expected.applied_operations[-1]["class"]
        assert image.data_ptr() == data["image"].data_ptr()  # flipped where it lies
        assert oriented["other"] == 7
        assert data["image"].shape == (3, *SHAPE)


def test_what_cannot_be_oriented_is_told() -> None:
    with pytest.raises(ValueError, match="did you mean 'axial'"):
        OrientSlices("axail")
    with pytest.raises(TypeError, match="expected a MetaTensor"):
        OrientSlices("axial")(torch.zeros(1, *SHAPE))
    with pytest.raises(ValueError, match=r"shape \(4, 5, 3\), expected \[C, X, Y, Z\]"):
        OrientSlices("axial")(MetaTensor(torch.zeros(SHAPE)))
    with pytest.raises(ValueError, match="no 'slice_axis'"):
        OrientSlices()(MetaTensor(torch.zeros(1, *SHAPE)))


@pytest.mark.parametrize("slice_axis", [0, 1, 2])
def test_as_stored_neither_turns_nor_flips(slice_axis: int) -> None:
    """Rows, columns and slices are those of the file, however it lies in the patient; and back."""
    values = torch.arange(4 * 5 * 6.0).reshape(1, 4, 5, 6)
    oblique = torch.eye(4, dtype=torch.float64)
    oblique[:3, :3] = torch.tensor([[0, -0.9, 0.2], [0.1, 0.2, -3.0], [-1.1, 0, 0.1]])
    volume = MetaTensor(values, affine=oblique, meta={"slice_axis": slice_axis})
    transform = OrientSlices("as_stored")
    shown = transform(volume)

    columns, rows = (axis for axis in range(3) if axis != slice_axis)
    assert torch.equal(shown.as_tensor()[0], values[0].permute(rows, columns, slice_axis))
    assert shown.meta["slice_axis"] == 2
    restored = transform.inverse(shown)
    assert torch.equal(restored.as_tensor(), values)
    assert torch.equal(restored.affine, oblique)
    assert restored.meta["slice_axis"] == slice_axis
