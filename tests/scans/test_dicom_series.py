"""Single-frame DICOM series: order, affine, values, and every transfer syntax."""

# nibabel and SimpleITK are typed in part
# mypy: disable-error-code="no-untyped-call, attr-defined"
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own name for itself
from numpy.typing import NDArray
from pydicom import dcmread, uid
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence

from monai_sar.scans import Scan, read_scan

Writer = Callable[..., NDArray[np.int64]]
OBLIQUE = (0.9396926, 0.3420201, 0.0, -0.2961981, 0.8137977, 0.5)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_with_itk(folder: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return voxels ``[X, Y, Z]`` and RAS affine of the only series in a folder, as SimpleITK reads them."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image).T.astype(np.float64), LPS_TO_RAS @ affine


def voxels(scan: Scan) -> NDArray[np.float32]:
    return np.asarray(scan.image.numpy()[0])


@pytest.mark.parametrize("orientation", [(1.0, 0.0, 0.0, 0.0, 1.0, 0.0), CORONAL, OBLIQUE])
def test_agrees_with_simpleitk(tmp_path: Path, write_series: Writer, orientation: tuple[float, ...]) -> None:
    write_series(tmp_path, orientation=orientation)
    scan = read_scan(tmp_path)
    expected, affine = read_with_itk(tmp_path)
    np.testing.assert_array_equal(voxels(scan), expected)
    np.testing.assert_allclose(scan.image.affine.numpy(), affine, atol=1e-4)
    assert scan.image.affine.dtype.itemsize == 8
    assert scan.image.dtype.itemsize == 4


def test_values_are_hounsfield_units_in_order_of_position(tmp_path: Path, write_series: Writer) -> None:
    stored = write_series(tmp_path)
    scan = read_scan(tmp_path)
    np.testing.assert_array_equal(voxels(scan), (stored * 2 - 1024).transpose(2, 1, 0))
    assert (scan.modality, scan.slice_axis, scan.kind, scan.frame_numbers) == ("CT", 2, "dicom", ())
    assert not scan.notes


def test_affine_maps_a_voxel_to_its_position(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path, orientation=OBLIQUE)
    scan = read_scan(tmp_path)
    for index, path in enumerate(scan.instances):
        ds = dcmread(path)
        row, column = np.reshape(ds.ImageOrientationPatient, (2, 3)).astype(float)
        i, j = 4, 3  # PS3.3 C.7.6.2.1.1: position + row direction * column spacing * i + column direction * ...
        lps = ds.ImagePositionPatient + row * ds.PixelSpacing[1] * i + column * ds.PixelSpacing[0] * j
        ras = scan.image.affine.numpy() @ [i, j, index, 1]
        np.testing.assert_allclose(ras, [-lps[0], -lps[1], lps[2], 1], atol=1e-4)
        expected = ds.pixel_array.T * 2.0 - 1024
        np.testing.assert_array_equal(voxels(scan)[:, :, index], expected)


def test_identity_depends_on_bytes_not_on_names(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path / "a")
    scan = read_scan(tmp_path / "a")
    (tmp_path / "b").mkdir()
    for index, path in enumerate(sorted((tmp_path / "a").iterdir(), reverse=True)):
        (tmp_path / "b" / f"renamed{index}.dcm").write_bytes(path.read_bytes())
    assert read_scan(tmp_path / "b").sha256 == scan.sha256
    path = scan.instances[0]
    ds = dcmread(path)
    ds.InstanceNumber = 99
    ds.save_as(path)
    assert read_scan(tmp_path / "a").sha256 != scan.sha256


def test_one_file_is_one_slice_as_thick_as_it_says(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path)
    path = sorted(tmp_path.iterdir())[0]
    scan = read_scan(path)
    assert scan.image.shape == (1, 10, 8, 1)
    np.testing.assert_allclose(scan.image.pixdim.numpy(), [0.9, 0.7, 3.0])
    assert scan.instances == (path,)


@pytest.mark.parametrize(
    "syntax",
    [
        uid.ImplicitVRLittleEndian,
        uid.ExplicitVRBigEndian,
        uid.DeflatedExplicitVRLittleEndian,
        uid.RLELossless,
        uid.JPEGLSLossless,
        uid.JPEG2000Lossless,
    ],
    ids=lambda syntax: str(syntax.name),
)
def test_lossless_transfer_syntaxes_give_the_same_voxels(tmp_path: Path, write_series: Writer, syntax: uid.UID) -> None:
    stored = write_series(tmp_path, syntax=syntax, shape=(3, 40, 48))  # JPEG 2000 needs 32 pixels
    np.testing.assert_array_equal(voxels(read_scan(tmp_path)), (stored * 2 - 1024).transpose(2, 1, 0))


def test_jpeg_lossless_gives_the_same_voxels(
    tmp_path: Path, write_series: Writer, to_jpeg_lossless: Callable[[Path], None]
) -> None:
    stored = write_series(tmp_path)
    for path in tmp_path.iterdir():
        to_jpeg_lossless(path)
        assert dcmread(path).file_meta.TransferSyntaxUID == uid.JPEGLosslessSV1
    np.testing.assert_array_equal(voxels(read_scan(tmp_path)), (stored * 2 - 1024).transpose(2, 1, 0))


def test_files_without_preamble_and_meta_are_recognised(tmp_path: Path, write_series: Writer) -> None:
    stored = write_series(tmp_path, syntax=uid.ImplicitVRLittleEndian)
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        path.write_bytes(content[content.index(b"\x08\x00\x08\x00") :])  # from Image Type on
    np.testing.assert_array_equal(voxels(read_scan(tmp_path)), (stored * 2 - 1024).transpose(2, 1, 0))


def test_signed_values_with_foreign_high_bits(tmp_path: Path, write_series: Writer) -> None:
    def make_signed(ds: FileDataset, index: int) -> None:
        ds.PixelRepresentation = 1
        pixels = np.frombuffer(ds.PixelData, "<u2") | 0x3000  # an old overlay may lie in the unused bits
        ds.PixelData = pixels.astype("<u2").tobytes()

    stored = write_series(tmp_path, modality="MR", edit=make_signed)
    signed = np.where(stored >= 2048, stored - 4096, stored)
    np.testing.assert_array_equal(voxels(read_scan(tmp_path)), signed.transpose(2, 1, 0))


def test_every_slice_has_its_own_rescale(tmp_path: Path, write_series: Writer) -> None:
    def rescale(ds: FileDataset, index: int) -> None:
        ds.RescaleSlope, ds.RescaleIntercept = str(index + 0.5), str(-index)

    stored = write_series(tmp_path, modality="MR", edit=rescale)
    scan = read_scan(tmp_path)
    for index in range(len(stored)):
        np.testing.assert_allclose(voxels(scan)[:, :, index], stored[index].T * (index + 0.5) - index)
    assert [note for note in scan.notes if "RescaleSlope varies from 0.5 to 4.5" in note]


def test_modality_lut_is_applied(tmp_path: Path, write_series: Writer) -> None:
    table = np.arange(4096)[::-1].astype("<u2")

    def add_table(ds: FileDataset, index: int) -> None:
        lut = Dataset()
        lut.LUTDescriptor, lut.ModalityLUTType, lut.LUTData = [4096, 0, 16], "US", table.tobytes()
        lut["LUTDescriptor"].VR, lut["LUTData"].VR = "US", "OW"
        ds.ModalityLUTSequence = Sequence([lut])
        del ds.RescaleSlope, ds.RescaleIntercept

    stored = write_series(tmp_path, modality="MR", edit=add_table)
    np.testing.assert_array_equal(voxels(read_scan(tmp_path)), (4095 - stored).transpose(2, 1, 0))


def test_monochrome1_is_inverted_but_hounsfield_units_stay(tmp_path: Path, write_series: Writer) -> None:
    def white_is_low(ds: FileDataset, index: int) -> None:
        ds.PhotometricInterpretation = "MONOCHROME1"

    mr = write_series(tmp_path / "mr", modality="MR", edit=white_is_low)
    scan = read_scan(tmp_path / "mr")
    np.testing.assert_array_equal(voxels(scan), (4095 - mr).transpose(2, 1, 0))
    np.testing.assert_array_equal(voxels(scan), read_with_itk(tmp_path / "mr")[0])
    assert [note for note in scan.notes if "inverted" in note]

    ct = write_series(tmp_path / "ct", modality="CT", edit=white_is_low)
    scan = read_scan(tmp_path / "ct")
    np.testing.assert_array_equal(voxels(scan), (ct * 2 - 1024).transpose(2, 1, 0))
    assert [note for note in scan.notes if "HU" in note]


def test_spacing_between_slices_that_disagrees_is_noted(tmp_path: Path, write_series: Writer) -> None:
    def declare(ds: FileDataset, index: int) -> None:
        ds.SpacingBetweenSlices = "1.5"

    write_series(tmp_path, edit=declare)
    scan = read_scan(tmp_path)
    assert [note for note in scan.notes if "1.5 mm" in note and "3 mm" in note]
    assert scan.image.pixdim[2] == pytest.approx(3.0)


def test_positions_rounded_to_hundredths_are_even(tmp_path: Path, write_series: Writer) -> None:
    def round_position(ds: FileDataset, index: int) -> None:
        ds.ImagePositionPatient = [f"{float(value):.2f}" for value in ds.ImagePositionPatient]

    write_series(tmp_path, spacing=(0.6249, 0.7, 0.9), edit=round_position)
    assert read_scan(tmp_path).image.pixdim[2] == pytest.approx(0.6249, abs=0.005)


@pytest.mark.parametrize("rounded", [False, True])
def test_positions_that_are_a_little_uneven_are_accepted_with_a_note(
    tmp_path: Path, write_series: Writer, rounded: bool
) -> None:
    def shift(ds: FileDataset, index: int) -> None:
        z = ds.ImagePositionPatient[2] + (0.02 if index == 2 else 0.0)
        ds.ImagePositionPatient = [*ds.ImagePositionPatient[:2], f"{z:.1f}" if rounded else f"{z:.2f}"]

    write_series(tmp_path, spacing=(1.65 if rounded else 1.6, 0.7, 0.9), edit=shift)
    scan = read_scan(tmp_path)
    assert scan.image.pixdim[2] == pytest.approx(1.65 if rounded else 1.6, abs=0.03)
    assert [note for note in scan.notes if "beside an even grid" in note]


def test_a_malformed_thickness_beside_sound_positions_is_noted(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path)
    alone = read_scan(tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes().replace(b"\x18\0\x50\0DS\x04\x003.0 ", b"\x18\0\x50\0DS\x04\x003 mm"))
    scan = read_scan(tmp_path)
    np.testing.assert_array_equal(scan.image.numpy(), alone.image.numpy())
    np.testing.assert_array_equal(scan.image.affine.numpy(), alone.image.affine.numpy())
    assert scan.notes == ("not used, because it is not what DICOM asks for: SliceThickness",)
    assert [note for note in read_scan(scan.instances[0]).notes if "unknown thickness" in note]


def test_nothing_of_the_patient_is_kept(
    tmp_path: Path, write_series: Writer, assert_no_secret: Callable[[str], None]
) -> None:
    write_series(tmp_path, modality="MR")
    scan = read_scan(tmp_path)
    assert_no_secret(repr(scan.notes) + repr(scan.image.meta))
