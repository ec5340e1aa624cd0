"""Real scans: every DICOM transfer syntax at hand, a CT series with its mask, oblique MRI, OCT slices."""

# nibabel and SimpleITK are typed in part
# mypy: disable-error-code="no-untyped-call, attr-defined"
import re
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own name for itself
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from monai_sar.scans import ScanError, find_scans, read_scan

EMRI = [
    "emri_small.dcm",
    "emri_small_RLE.dcm",
    "emri_small_big_endian.dcm",
    "emri_small_jpeg_2k_lossless.dcm",
    "emri_small_jpeg_ls_lossless.dcm",
]


@pytest.fixture(scope="module")
def syntaxes(outside: Callable[[str], Path]) -> Path:
    return outside("data/dicom_syntaxes")


@pytest.fixture(scope="module")
def volumes(outside: Callable[[str], Path]) -> Path:
    return outside("data/volumes")


@pytest.mark.parametrize(
    ("name", "modality", "shape", "pixdim", "limits"),
    [
        ("MR2_J2KI.dcm", "MR", (1024, 1024, 1), (0.195313, 0.195313, 6.6), (0.0, 2264.5)),
        ("bad_sequence.dcm", "CT", (512, 512, 1), (0.287109, 0.287109, 1.0), (-1011, 1243)),
        ("explicit_VR-UN.dcm", "CT", (512, 512, 1), (0.859375, 0.859375, 1.0), (-1024, 1186)),
        ("enhanced_mr_siemens_xa10.dcm", "MR", (64, 64, 6), (3.375, 3.375, 2.4), (0, 1199)),
    ],
)
def test_readable_syntaxes(
    name: str,
    modality: str,
    shape: tuple[int, ...],
    pixdim: tuple[float, ...],
    limits: tuple[float, float],
    syntaxes: Path,
) -> None:
    scan = read_scan(syntaxes / name)
    assert scan.modality == modality
    assert scan.image.shape == (1, *shape)
    np.testing.assert_allclose(scan.image.pixdim.numpy(), pixdim, rtol=1e-4)
    np.testing.assert_allclose([scan.image.min(), scan.image.max()], limits, atol=0.1)
    itk = sitk.ReadImage(str(syntaxes / name))
    np.testing.assert_allclose(scan.image.numpy()[0], sitk.GetArrayFromImage(itk).T, rtol=1e-5, atol=0.51)
    origin = np.diag([-1, -1, 1, 1]) @ scan.image.affine.numpy()[:, 3]
    np.testing.assert_allclose(origin[:3], itk.GetOrigin(), atol=1e-3)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("JPEG-LL.dcm", "1 x secondary capture"),
        ("SC_rgb.dcm", "1 x secondary capture"),
        ("parametric_map_float.dcm", "1 x parametric map"),
        ("eCT_Supplemental.dcm", "1 x colour-coded map"),
        ("emri_small_jpeg_2k_lossless_too_short.dcm", "has no ImagePositionPatient"),
        *((name, "frame 1 has no ImagePositionPatient") for name in EMRI),
    ],
)
def test_what_holds_no_scan_is_told(name: str, told: str, syntaxes: Path) -> None:
    with pytest.raises(ScanError, match=f"{re.escape(name)}.*{told}"):
        read_scan(syntaxes / name)


@pytest.mark.parametrize("name", EMRI)
def test_enhanced_mr_in_every_compression_once_it_has_positions(tmp_path: Path, syntaxes: Path, name: str) -> None:
    ds = dcmread(syntaxes / name)
    measures, plane, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [2, 2], 3
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Sequence([measures]), Sequence([plane])
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    groups = []
    for frame in range(10):
        position, group = Dataset(), Dataset()
        position.ImagePositionPatient = [0, 0, 3 * frame]
        group.PlanePositionSequence = Sequence([position])
        groups.append(group)
    ds.PerFrameFunctionalGroupsSequence = Sequence(groups)
    ds.save_as(tmp_path / name)
    expected = dcmread(syntaxes / "emri_small.dcm").pixel_array
    np.testing.assert_array_equal(read_scan(tmp_path / name).image.numpy()[0], expected.transpose(2, 1, 0))


def test_ct_series_lies_where_its_mask_lies(volumes: Path, assert_no_secret: Callable[[str], None]) -> None:
    scan = read_scan(volumes / "liver_ct_dicom" / "series")
    mask = nib.load(volumes / "liver_ct_dicom" / "liver_mask.nii.gz")
    assert scan.image.shape == (1, *mask.shape)
    np.testing.assert_allclose(scan.image.affine.numpy(), mask.affine, atol=1e-4)
    liver = scan.image.numpy()[0][np.asarray(mask.dataobj) == 1]
    assert 50 < np.median(liver) < 200  # HU of an enhanced liver
    assert (scan.modality, scan.slice_axis, len(scan.instances)) == ("CT", 2, 40)
    assert "patient" not in repr(scan.notes)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(volumes / "liver_ct_dicom" / "series")))
    itk = reader.Execute()
    np.testing.assert_array_equal(scan.image.numpy()[0], sitk.GetArrayFromImage(itk).T)
    np.testing.assert_allclose(scan.image.pixdim.numpy(), itk.GetSpacing(), atol=1e-6)


def test_oblique_mri_keeps_its_affine(volumes: Path) -> None:
    path = volumes / "brain_mri_nifti" / "TCGA-FG-6692_flair_native.nii.gz"
    scan = read_scan(path)
    expected = nib.load(path)
    np.testing.assert_array_equal(scan.image.numpy()[0], expected.get_fdata())
    np.testing.assert_array_equal(scan.image.affine.numpy(), expected.affine)
    assert scan.slice_axis == 2


def test_oct_slices_need_names_that_say_their_order(tmp_path: Path, volumes: Path) -> None:
    folder = volumes / "retinal_oct_tif" / "AMD_patient1"
    with pytest.raises(ScanError, match="do not say the order"):
        read_scan(folder, spacing=(0.0122, 0.0039, 0.24))
    in_order = re.findall(r"(\w+\.tif)</ExamURL>", next(folder.glob("*.xml")).read_text(encoding="latin-1"))
    files = [folder / name for name in in_order[1:] if (folder / name).exists()]  # the first is a localizer
    for number, file in enumerate(files):
        (tmp_path / f"{number}.tif").symlink_to(file)
    scan = read_scan(tmp_path, spacing=(0.0122, 0.0039, 0.24))
    assert scan.image.shape == (1, 512, 496, len(files))
    expected = np.asarray(Image.open(files[11]).convert("L")).T
    np.testing.assert_array_equal(scan.image.numpy()[0, :, :, 11], expected)


def test_all_real_volumes_are_found(volumes: Path) -> None:
    found = find_scans([volumes / name for name in ("brain_mri_nifti", "liver_ct_dicom", "retinal_oct_tif")])
    names = [path.relative_to(volumes).as_posix() for path in found if path.suffix != ".tif"]
    assert names == [
        "brain_mri_nifti/TCGA-DU-7294_flair_brain.nii.gz",
        "brain_mri_nifti/TCGA-FG-6692_flair_brain.nii.gz",
        "brain_mri_nifti/TCGA-FG-6692_flair_native.nii.gz",
        "liver_ct_dicom/liver_mask.nii.gz",
        "liver_ct_dicom/series",
        "liver_ct_dicom/tumour_mask.nii.gz",
    ]
