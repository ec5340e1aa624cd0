"""A map lies on its scan in every reader, whatever the header of the scan says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK as sitk  # noqa: N813 (its own custom)
import torch
from monai.data.meta_tensor import MetaTensor

from monai_sar.results.write_nifti import write_nifti

# nibabel types only part of itself
# mypy: allow-untyped-calls

SHAPE = (6, 5, 4)
Array = npt.NDArray[Any]
ROTATION = np.array([[0.96, -0.224, 0.168], [0.28, 0.768, -0.576], [0.0, 0.6, 0.8]])


def load(path: Path) -> nib.Nifti1Image:
    image = nib.load(path)
    assert isinstance(image, nib.Nifti1Image)
    return image


def affine_of(rotation: Array, flips: tuple[int, int, int]) -> Array:
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag(np.array([0.7, 1.1, 5.5]) * flips)
    affine[:3, 3] = (-90.5, 126.25, -72.125)
    return affine


AFFINES = [
    affine_of(rotation, flips)
    for rotation in (np.eye(3), ROTATION, np.eye(3)[[2, 0, 1]])
    for flips in ((1, 1, 1), (-1, -1, 1), (-1, 1, 1), (1, 1, -1))
]


def scores() -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).random((1, *SHAPE)).astype(np.float32)


def write_scan(
    path: Path,
    affine: Array,
    *,
    codes: tuple[int, int] = (1, 1),
    units: str = "mm",
    kind: type[nib.Nifti1Image] = nib.Nifti1Image,
) -> Path:
    scan = kind(np.zeros(SHAPE, np.int16), None)
    scan.set_qform(affine, codes[0])
    scan.set_sform(affine, codes[1])
    scan.header.set_xyzt_units(units, "sec")
    scan.header["descrip"] = b"Jane Doe"
    nib.save(scan, path)
    return path


def assert_same_grid(one: Path, other: Path) -> None:
    mine, theirs = load(one), load(other)
    np.testing.assert_array_equal(mine.affine, theirs.affine)
    np.testing.assert_array_equal(mine.get_qform(), theirs.get_qform())
    assert mine.header.get_zooms() == theirs.header.get_zooms()
    for field in ("qform_code", "sform_code", "xyzt_units"):
        assert mine.header[field] == theirs.header[field], field
    images = [sitk.ReadImage(str(path)) for path in (one, other)]
    for read in (sitk.Image.GetSize, sitk.Image.GetOrigin, sitk.Image.GetDirection, sitk.Image.GetSpacing):
        assert read(images[0]) == read(images[1]), read.__name__


@pytest.mark.parametrize("affine", AFFINES)
def test_map_lies_on_the_reference(tmp_path: Path, affine: Array) -> None:
    scan, written = write_scan(tmp_path / "scan.nii.gz", affine), tmp_path / "map.nii.gz"
    values = scores()
    write_nifti(written, values, reference=scan)
    assert_same_grid(written, scan)
    assert load(written).get_data_dtype() == np.float32
    np.testing.assert_array_equal(load(written).get_fdata(dtype=np.float32), values[0])
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(written))), values[0].T)


@pytest.mark.parametrize("affine", AFFINES)
def test_a_given_affine_reads_like_a_scan_with_scanner_codes(tmp_path: Path, affine: Array) -> None:
    scan, written = write_scan(tmp_path / "scan.nii", affine), tmp_path / "map.nii"
    write_nifti(written, scores(), affine=affine)
    np.testing.assert_allclose(load(written).affine, affine, atol=1e-5)
    np.testing.assert_allclose(load(written).get_qform(), affine, atol=1e-4)
    assert load(written).header["qform_code"] == load(written).header["sform_code"] == 1
    images = [sitk.ReadImage(str(path)) for path in (written, scan)]
    np.testing.assert_allclose(images[0].GetOrigin(), images[1].GetOrigin(), atol=1e-5)
    np.testing.assert_allclose(images[0].GetDirection(), images[1].GetDirection(), atol=1e-5)
    np.testing.assert_allclose(images[0].GetSpacing(), images[1].GetSpacing(), atol=1e-5)


@pytest.mark.parametrize("codes", [(0, 0), (1, 0), (0, 2), (2, 4)])
@pytest.mark.parametrize("units", ["mm", "micron", "unknown"])
def test_codes_and_units_are_those_of_the_reference(tmp_path: Path, codes: tuple[int, int], units: str) -> None:
    scan = write_scan(tmp_path / "scan.nii", affine_of(ROTATION, (1, -1, 1)), codes=codes, units=units)
    write_nifti(tmp_path / "map.nii", scores(), reference=scan)
    assert_same_grid(tmp_path / "map.nii", scan)


def test_qform_and_sform_may_differ(tmp_path: Path) -> None:
    scan = write_scan(tmp_path / "scan.nii", AFFINES[0])
    image = load(scan)
    image.set_sform(AFFINES[5], 4)
    nib.save(image, tmp_path / "both.nii")
    write_nifti(tmp_path / "map.nii", scores(), reference=tmp_path / "both.nii")
    assert_same_grid(tmp_path / "map.nii", tmp_path / "both.nii")


def test_nothing_about_the_patient_is_copied(tmp_path: Path) -> None:
    scan = write_scan(tmp_path / "scan.nii", AFFINES[0])
    assert b"Jane" in scan.read_bytes()
    write_nifti(tmp_path / "map.nii", scores(), reference=scan)
    assert b"Jane" not in (tmp_path / "map.nii").read_bytes()


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8])
def test_masks_are_uint8(tmp_path: Path, dtype: type[np.generic]) -> None:
    mask = (scores() > 0.5).astype(dtype)
    write_nifti(tmp_path / "mask.nii.gz", mask, affine=AFFINES[1])
    image = load(tmp_path / "mask.nii.gz")
    assert image.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(np.asarray(image.dataobj), mask[0])


def test_nifti_2_stays_nifti_2(tmp_path: Path) -> None:
    scan = write_scan(tmp_path / "scan.nii", AFFINES[4], kind=nib.Nifti2Image)
    write_nifti(tmp_path / "map.nii", scores(), reference=scan)
    assert isinstance(load(tmp_path / "map.nii"), nib.Nifti2Image)
    np.testing.assert_array_equal(load(tmp_path / "map.nii").affine, load(scan).affine)


def test_a_metatensor_brings_its_affine_and_must_agree_with_the_reference(tmp_path: Path) -> None:
    tensor = MetaTensor(torch.from_numpy(scores()).half(), affine=torch.from_numpy(AFFINES[5]))
    write_nifti(tmp_path / "map.nii.gz", tensor)
    np.testing.assert_allclose(load(tmp_path / "map.nii.gz").affine, AFFINES[5], atol=1e-5)
    scan, other = (write_scan(tmp_path / f"{number}.nii", AFFINES[number]) for number in (5, 6))
    write_nifti(tmp_path / "map.nii.gz", tensor, reference=scan)
    with pytest.raises(ValueError, match=r"not that of .*6\.nii"):
        write_nifti(tmp_path / "map.nii.gz", tensor, reference=other)


def test_shear_is_kept_in_the_sform_and_the_qform_is_not_made_up(tmp_path: Path) -> None:
    affine = affine_of(np.eye(3), (1, 1, 1))
    affine[1, 2] = 1.5
    write_nifti(tmp_path / "map.nii", scores(), affine=affine)
    image = load(tmp_path / "map.nii")
    np.testing.assert_allclose(image.affine, affine, atol=1e-5)
    assert image.header["qform_code"] == 0


@pytest.mark.parametrize(
    ("name", "array", "arguments", "message"),
    [
        ("map.mha", scores(), {"affine": np.eye(4)}, "does not end in .nii"),
        ("map.nii", scores()[0], {"affine": np.eye(4)}, r"Expected \[1, X, Y, Z\]"),
        ("map.nii", np.zeros((2, *SHAPE), np.float32), {"affine": np.eye(4)}, r"Expected \[1, X, Y, Z\]"),
        ("map.nii", scores(), {}, "plain array"),
        ("map.nii", scores(), {"affine": np.eye(4), "reference": "scan.nii"}, "not both"),
        ("map.nii", scores()[:, :3], {"reference": "scan.nii"}, r"\(3, 5, 4\) voxels.*\(6, 5, 4\)"),
        ("map.nii", scores(), {"reference": "scan.mgz"}, "is not NIfTI"),
    ],
)
def test_wrong_input_is_told_and_nothing_is_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    array: npt.NDArray[np.generic],
    arguments: dict[str, Any],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_scan(tmp_path / "scan.nii", AFFINES[0])
    nib.save(nib.MGHImage(np.zeros(SHAPE, np.float32), AFFINES[0]), tmp_path / "scan.mgz")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ValueError, match=message):
        write_nifti(name, array, **arguments)
    assert sorted(tmp_path.iterdir()) == before


def test_integers_are_neither_a_map_nor_a_mask(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="int64"):
        write_nifti(tmp_path / "map.nii", np.zeros((1, *SHAPE), np.int64), affine=np.eye(4))


def test_a_real_oblique_scan(outside: Callable[[str], Path], tmp_path: Path) -> None:
    scan = outside("data/volumes/brain_mri_nifti/TCGA-FG-6692_flair_native.nii.gz")
    write_nifti(tmp_path / "mask.nii.gz", np.ones((1, *load(scan).shape), np.bool_), reference=scan)
    assert_same_grid(tmp_path / "mask.nii.gz", scan)
