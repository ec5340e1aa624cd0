"""NIfTI volumes: values, affine, slice axis, and what is refused."""

# nibabel and SimpleITK are typed in part
# mypy: disable-error-code="no-untyped-call, attr-defined"
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from monai_sar.scans import ScanError, read_scan

OBLIQUE = np.array([[-0.9, 0.1, 0.3, 90.0], [0.0, 0.8, -1.5, -71.0], [0.1, 0.3, 5.2, -98.0], [0, 0, 0, 1]])


def write(path: Path, voxels: NDArray[Any], affine: NDArray[np.float64] = OBLIQUE) -> nib.Nifti1Image:
    image = nib.Nifti1Image(voxels, affine)
    nib.save(image, path)
    return image


@pytest.fixture
def voxels() -> NDArray[np.int16]:
    return np.random.default_rng(0).integers(-1000, 1000, (6, 5, 4)).astype(np.int16)


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz", "SCAN.NII.GZ"])
def test_values_and_affine_are_the_files(tmp_path: Path, voxels: NDArray[np.int16], name: str) -> None:
    write(tmp_path / name, voxels)
    scan = read_scan(tmp_path / name)
    np.testing.assert_array_equal(scan.image.numpy()[0], voxels)
    np.testing.assert_allclose(scan.image.affine.numpy(), OBLIQUE, rtol=1e-6)
    assert (scan.kind, scan.modality, scan.instances, scan.frame_numbers) == ("nifti", None, (), ())
    assert str(scan.image.dtype) == "torch.float32"
    assert scan.image.is_contiguous()
    assert not scan.notes


def test_scale_and_offset_are_applied(tmp_path: Path, voxels: NDArray[np.int16]) -> None:
    image = nib.Nifti1Image(voxels, OBLIQUE)
    image.header.set_slope_inter(0.5, -7)
    nib.save(image, tmp_path / "scan.nii")
    stored = nib.load(tmp_path / "scan.nii")
    assert stored.dataobj.slope == 0.5
    expected = np.asarray(stored.dataobj.get_unscaled()) * 0.5 - 7
    np.testing.assert_allclose(read_scan(tmp_path / "scan.nii").image.numpy()[0], expected)


@pytest.mark.parametrize("shape", [(6, 5, 4, 1), (6, 5, 4, 1, 1), (6, 5)])
def test_axes_of_size_one_are_added_or_dropped(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    write(tmp_path / "scan.nii", array)
    image = read_scan(tmp_path / "scan.nii").image
    assert image.shape == (1, *(*shape, 1)[:3])
    np.testing.assert_array_equal(image.numpy()[0].reshape(shape), array)


@pytest.mark.parametrize(
    ("spacing", "dim_info", "expected"),
    [
        ((1, 1, 3), None, 2),
        ((1, 3, 1), None, 1),
        ((1.2, 1, 1), None, 0),
        ((1, 1, 1), None, 2),
        ((1.05, 1, 1), None, 2),  # not clearly larger
        ((1, 3, 1), 0, 0),  # the header knows better
    ],
)
def test_slice_axis(
    tmp_path: Path,
    voxels: NDArray[np.int16],
    spacing: tuple[float, float, float],
    dim_info: int | None,
    expected: int,
) -> None:
    image = nib.Nifti1Image(voxels, np.diag([*spacing, 1.0]))
    if dim_info is not None:
        image.header.set_dim_info(slice=dim_info)
    nib.save(image, tmp_path / "scan.nii")
    assert read_scan(tmp_path / "scan.nii").slice_axis == expected


def test_lengths_in_metres_become_millimetres(tmp_path: Path, voxels: NDArray[np.int16]) -> None:
    image = nib.Nifti1Image(voxels, np.diag([0.001, 0.001, 0.003, 1]))
    image.header.set_xyzt_units("meter")
    nib.save(image, tmp_path / "scan.nii")
    scan = read_scan(tmp_path / "scan.nii")
    np.testing.assert_allclose(scan.image.affine.numpy(), np.diag([1, 1, 3, 1]), rtol=1e-6)
    assert [note for note in scan.notes if "converted to millimetres" in note]


def test_missing_orientation_is_noted(tmp_path: Path, voxels: NDArray[np.int16]) -> None:
    image = nib.Nifti1Image(voxels, None)
    image.header.set_zooms((1, 2, 3))
    nib.save(image, tmp_path / "scan.nii")
    scan = read_scan(tmp_path / "scan.nii")
    assert [note for note in scan.notes if "no orientation" in note]
    np.testing.assert_allclose(scan.image.pixdim.numpy(), [1, 2, 3])


def test_disagreeing_qform_and_sform_are_noted(tmp_path: Path, voxels: NDArray[np.int16]) -> None:
    image = nib.Nifti1Image(voxels, np.eye(4))
    moved = np.eye(4)
    moved[0, 3] = 2.0
    image.set_sform(moved, 1)
    image.set_qform(np.eye(4), 1)
    nib.save(image, tmp_path / "scan.nii")
    scan = read_scan(tmp_path / "scan.nii")
    assert [note for note in scan.notes if "2 units apart" in note]
    np.testing.assert_allclose(scan.image.affine.numpy(), moved)


def float_volume(value: float) -> NDArray[np.float32]:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    array[1, 2, 3] = value
    return array


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.zeros((2, 3, 4, 5), np.int16), r"is 5 volumes .*--volume N, from 0 to 4\..*slicer\[..., 0\]"),
        (np.zeros((2, 3, 4, 1, 3), np.int16), "expected one 3D volume"),
        (np.zeros(7, np.int16), "expected one 3D volume"),
        (np.ones((2, 3, 4), np.int16), "every voxel is 1"),
        (float_volume(np.nan), "1 of 24 voxels are NaN or infinite"),
        (float_volume(-np.inf), "1 of 24 voxels are NaN or infinite"),
        (np.arange(24, dtype=np.complex64).reshape(2, 3, 4), "complex"),
        (np.zeros((2, 3, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")]), "colour"),
    ],
)
def test_unusable_voxels_are_told(tmp_path: Path, array: NDArray[Any], told: str) -> None:
    write(tmp_path / "scan.nii", array)
    with pytest.raises(ScanError, match=f"scan.nii.*{told}"):
        read_scan(tmp_path / "scan.nii")


def test_an_affine_that_is_no_map_is_told(tmp_path: Path, voxels: NDArray[np.int16]) -> None:
    image = nib.Nifti1Image(voxels, np.eye(4))
    image.header["srow_z"] = 0
    nib.save(image, tmp_path / "scan.nii")
    content = bytearray((tmp_path / "scan.nii").read_bytes())
    content[312:328] = bytes(16)  # srow_z, NIfTI-1 header byte 312
    (tmp_path / "scan.nii").write_bytes(content)
    with pytest.raises(ScanError, match="does not span a volume"):
        read_scan(tmp_path / "scan.nii")


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz"])
@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.97])
def test_truncated_files_are_told(tmp_path: Path, name: str, kept: float) -> None:
    array = np.random.default_rng(0).integers(0, 1000, (16, 16, 16)).astype(np.int16)
    write(tmp_path / name, array)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(ScanError, match=f"{name}: cannot be read.*truncated or damaged"):
        read_scan(tmp_path / name)


def test_options_for_other_formats_are_refused(tmp_path: Path, voxels: NDArray[np.int16]) -> None:
    write(tmp_path / "scan.nii", voxels)
    with pytest.raises(ScanError, match="leave spacing out"):
        read_scan(tmp_path / "scan.nii", spacing=(1, 1, 1))
    with pytest.raises(ScanError, match="is not DICOM"):
        read_scan(tmp_path / "scan.nii", series_uid="1.2.3")
