"""Exports are read back as what was scanned, where it was scanned, and shown upright."""
# nibabel types only part of itself
# mypy: allow-untyped-calls

import shutil
import subprocess
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile
from sklearn.metrics import roc_auc_score

from monai_sar.datasets.bmad import find_bmad_layout, find_bmad_problems, load_bmad_datalist
from monai_sar.datasets.bmad_layouts import SPLITS
from monai_sar.phantoms import write_phantoms
from monai_sar.phantoms.retinal_oct import RETINAL_OCT, RetinaLesionKind, make_retina_phantom
from monai_sar.phantoms.retinal_oct.exports import slice_pixels, write_oct_volume
from monai_sar.phantoms.retinal_oct.subject import USUAL_SPACING
from monai_sar.scans import Scan, read_scan
from monai_sar.transforms import LoadScan, OrientSlices

COUNTS = {
    "train": 1,
    "valid_normal": 1,
    "valid_abnormal": 1,
    "test_normal": 3,
    "test_abnormal": 3,
    "volumes_normal": 2,
    "volumes_abnormal": 3,
}
VOLUMES = {9000: None, 9001: None} | {9500 + i: list(RetinaLesionKind)[(9500 + i) % 3] for i in range(3)}
SPACING = (USUAL_SPACING[1], USUAL_SPACING[0], USUAL_SPACING[2])  # columns, rows, B-scans

# PS3.3 C.8.17.7 demands these three attributes with the values 0, 1 and 1 ("Concatenations are not permitted"), and
# C.7.6.16 allows the 1 there; dciodvfy complains when they are missing, and when they are there
WRONGLY_REFUSED = ("ConcatenationFrameOffsetNumber", "InConcatenationNumber", "InConcatenationTotalNumber")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("phantoms")
    assert write_phantoms(RETINAL_OCT, root, **COUNTS, slices_per_subject=6)
    return root


def scan_path(root: Path, subject: int) -> Path:
    return root / "oct" / (f"phantom_{subject:04d}_oct" + (".dcm" if subject % 2 == 0 else ""))


def read(root: Path, subject: int) -> Scan:
    return read_scan(scan_path(root, subject), spacing=SPACING if subject % 2 else None)


def pixels(path: str | Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)


def test_both_kinds_of_export_hold_normal_and_abnormal_eyes(root: Path) -> None:
    names = {path.name for path in (root / "oct").iterdir()}
    scans = {scan_path(root, subject).name for subject in VOLUMES}
    assert names == scans | {f"phantom_{subject:04d}_lesion.nii.gz" for subject in VOLUMES}
    for subject, kind in VOLUMES.items():
        lesion = np.asarray(nib.nifti1.load(root / "oct" / f"phantom_{subject:04d}_lesion.nii.gz").dataobj)
        assert lesion.any() == (kind is not None)


@pytest.mark.parametrize("subject", VOLUMES)
def test_a_scan_and_its_mask_are_read_back_on_one_grid(root: Path, subject: int) -> None:
    phantom = make_retina_phantom(0, subject, VOLUMES[subject])
    scan = read(root, subject)
    image = scan.image.numpy()[0].transpose(1, 0, 2)
    assert np.abs(image - phantom.image).max() <= 0.5
    rows, columns, slices = phantom.spacing
    np.testing.assert_allclose(scan.image.pixdim, (columns, rows, slices), rtol=1e-5)
    assert scan.slice_axis == 2
    lesion = nib.nifti1.load(root / "oct" / f"phantom_{subject:04d}_lesion.nii.gz")
    assert lesion.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(np.asarray(lesion.dataobj).transpose(1, 0, 2) > 0, phantom.mask)
    np.testing.assert_allclose(lesion.affine, scan.image.affine, atol=1e-6)


def test_dicom_lies_in_the_patient_and_says_which_eye(root: Path) -> None:
    phantom = make_retina_phantom(0, 9500, VOLUMES[9500])
    scan = read(root, 9500)
    assert (scan.modality, scan.notes, scan.frame_numbers) == ("OPT", (), tuple(range(1, 14)))
    corner = np.array([191, 383, 12, 1])
    np.testing.assert_allclose(scan.image.affine.numpy() @ corner[[1, 0, 2, 3]], phantom.affine @ corner, atol=1e-6)
    dataset = pydicom.dcmread(scan_path(root, 9500))
    assert dataset.SOPClassUID == pydicom.uid.OphthalmicTomographyImageStorage
    assert dataset.ImageLaterality == phantom.laterality
    assert dataset.PixelData == slice_pixels(phantom).transpose(2, 0, 1).tobytes()


@pytest.mark.parametrize("subject", VOLUMES)
def test_b_scans_are_shown_upright(root: Path, subject: int) -> None:
    load = LoadScan(spacing=SPACING if subject % 2 else None)
    shown = OrientSlices("acquisition")(load(scan_path(root, subject))).numpy()[0]
    phantom = make_retina_phantom(0, subject, VOLUMES[subject])
    np.testing.assert_array_equal(shown, slice_pixels(phantom))


def test_tiff_holds_no_distances(root: Path) -> None:
    files = sorted(scan_path(root, 9001).iterdir())
    assert [file.name for file in files] == [f"bscan_{k:02d}.tif" for k in range(13)]
    for file in files:
        with Image.open(file) as image:
            assert isinstance(image, TiffImageFile)
            assert image.mode == "L"
            assert not {282, 283, 270} & set(image.tag_v2)  # XResolution, YResolution, ImageDescription
    assert "--spacing 0.0156,0.008,0.24" in (root / "README.txt").read_text(encoding="utf-8")


def test_dciodvfy_finds_nothing_but_its_own_contradiction(root: Path) -> None:
    program = shutil.which("dciodvfy")
    if program is None:
        pytest.skip("dciodvfy is not installed (Debian and Ubuntu: apt-get install dicom3tools)")
    for subject in (9000, 9500):
        report = subprocess.run([program, str(scan_path(root, subject))], capture_output=True, text=True, check=False)
        lines = (report.stdout + report.stderr).splitlines()
        assert "OphthalmicTomographyImage" in lines
        found = [line for line in lines if line.startswith(("Error", "Warning"))]
        assert [name for name in WRONGLY_REFUSED for line in found if f"<{name}>" in line] == list(WRONGLY_REFUSED)
        assert len(found) == len(WRONGLY_REFUSED), found


@pytest.mark.parametrize("subject", [2, 3])
def test_the_same_subject_is_the_same_bytes(tmp_path: Path, subject: int) -> None:
    phantom = make_retina_phantom(0, subject, RetinaLesionKind.SUBRETINAL_FLUID)
    written = []
    for name in ("first", "again"):
        write_oct_volume(phantom, tmp_path / name, subject)
        files = (path for path in (tmp_path / name).rglob("*") if path.is_file())
        written.append({path.relative_to(tmp_path / name): path.read_bytes() for path in files})
    assert written[0] == written[1]
    assert len(written[0]) == (2 if subject % 2 == 0 else 14)


def test_slices_are_read_as_bmad_at_native_aspect(root: Path) -> None:
    layout = find_bmad_layout(root / "bmad")
    for split in SPLITS:
        assert find_bmad_problems(layout, split) == []
    assert len(load_bmad_datalist(root / "bmad", "train")) == 6
    for item in load_bmad_datalist(root / "bmad", "test"):
        image = pixels(item["image"])
        assert image.shape == (192, 384)
        assert image.dtype == np.uint8


def test_neither_brightness_nor_darkness_finds_the_lesions(root: Path) -> None:
    images, masks = [], []
    for item in load_bmad_datalist(root / "bmad", "test"):
        path = Path(item["image"])
        images.append(pixels(path))
        masks.append(pixels(path.parents[1] / "label" / path.name) > 0)
    score = roc_auc_score(np.stack(masks).ravel(), np.stack(images).ravel())
    assert 0.2 < score < 0.8
