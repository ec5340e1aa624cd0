"""The series is valid DICOM that reads back as the phantom, with masks on its grid."""
# nibabel types only part of itself
# mypy: allow-untyped-calls

import shutil
import subprocess
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pydicom import dcmread

from monai_sar.datasets.scan_datalist import load_scan_datalist
from monai_sar.phantoms.liver_ct import LIVER_CT, LiverLesionKind, LiverPhantom, make_liver_phantom
from monai_sar.phantoms.liver_ct.subject import SHAPE, SPACING
from monai_sar.scans import check_modality, read_scan


@pytest.fixture(scope="module")
def phantom() -> LiverPhantom:
    return make_liver_phantom(0, 9500, LiverLesionKind.METASTASIS)


@pytest.fixture(scope="module")
def folder(phantom: LiverPhantom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dicom")
    LIVER_CT.write_volume(phantom, folder, 9500)
    return folder


def test_exactly_the_promised_files_are_there(folder: Path) -> None:
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    series = {f"phantom_9500_ct/IM{number:04d}.dcm" for number in range(1, SHAPE[2] + 1)}
    assert found == series | {"phantom_9500_liver.nii.gz", "phantom_9500_lesion.nii.gz"}


def test_the_series_reads_back_as_the_phantom(folder: Path, phantom: LiverPhantom) -> None:
    scan = read_scan(folder / "phantom_9500_ct")
    check_modality(scan, "CT")
    assert scan.notes == ()
    assert_array_equal(scan.image[0].numpy().transpose(1, 0, 2), np.round(phantom.image))
    assert_allclose(scan.image.affine.numpy(), phantom.affine[:, [1, 0, 2, 3]], atol=1e-6)
    # columns run to the left, rows to posterior, slices to superior
    assert nib.orientations.aff2axcodes(scan.image.affine.numpy()) == ("L", "P", "S")


@pytest.mark.parametrize("part", ["liver", "lesion"])
def test_masks_lie_on_the_grid_of_the_series(folder: Path, phantom: LiverPhantom, part: str) -> None:
    scan = read_scan(folder / "phantom_9500_ct")
    mask = nib.nifti1.load(folder / f"phantom_9500_{part}.nii.gz")
    assert mask.get_data_dtype() == np.uint8
    for affine, code in (mask.header.get_qform(coded=True), mask.header.get_sform(coded=True)):
        assert code == 1
        assert_allclose(affine, scan.image.affine.numpy(), atol=1e-3)
    expected = phantom.liver if part == "liver" else phantom.mask
    assert_array_equal(np.asarray(mask.dataobj), expected.transpose(1, 0, 2))


def test_headers_say_what_it_is_and_agree(folder: Path, phantom: LiverPhantom) -> None:
    headers = [dcmread(path) for path in sorted((folder / "phantom_9500_ct").iterdir())]
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        assert len({header[keyword].value for header in headers}) == 1
    assert len({header.SOPInstanceUID for header in headers}) == SHAPE[2]
    assert [header.InstanceNumber for header in headers] == list(range(1, SHAPE[2] + 1))
    first = headers[0]
    assert (first.PatientName, first.PatientID) == ("PHANTOM^LIVER", "phantom_9500")
    assert (first.RescaleIntercept, first.RescaleSlope) == (-1024, 1)
    assert list(first.PixelSpacing) == list(SPACING[:2])
    assert first.file_meta.TransferSyntaxUID.name == "Explicit VR Little Endian"
    np.testing.assert_array_equal(first.pixel_array - 1024, np.round(phantom.image[..., -1]))


def test_the_same_phantom_is_the_same_bytes_and_another_has_other_uids(
    folder: Path, phantom: LiverPhantom, tmp_path: Path
) -> None:
    LIVER_CT.write_volume(phantom, tmp_path, 9500)
    for path in folder.rglob("*.*"):
        assert path.read_bytes() == (tmp_path / path.relative_to(folder)).read_bytes()
    LIVER_CT.write_volume(make_liver_phantom(1, 9500), tmp_path, 9500)  # another seed, the same number
    file = "phantom_9500_ct/IM0001.dcm"
    assert dcmread(folder / file).SeriesInstanceUID != dcmread(tmp_path / file).SeriesInstanceUID


def test_the_data_list_finds_the_series(folder: Path) -> None:
    items = load_scan_datalist(folder, image_suffix="_ct", lesion_suffix="_lesion.nii.gz")
    assert [Path(item["image"]).name for item in items] == ["phantom_9500_ct"]
    assert Path(items[0]["label"]).name == "phantom_9500_lesion.nii.gz"


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
def test_every_file_is_a_valid_ct_image(folder: Path) -> None:
    for path in sorted((folder / "phantom_9500_ct").iterdir())[::9]:
        result = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
        assert result.returncode == 0
        assert result.stderr.split() == ["CTImage"]
