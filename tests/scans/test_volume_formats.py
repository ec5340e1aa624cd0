"""A volume is the same in every format, whatever its file is called."""

# nibabel and SimpleITK are typed in part
# mypy: disable-error-code="no-untyped-call, attr-defined"
import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own name for itself
import torch
from numpy.typing import NDArray
from PIL import Image

from monai_sar.scans import ScanError, find_scans, read_scan
from monai_sar.scans.find import search_scans
from tests.conftest import OBLIQUE

VOXELS = np.random.default_rng(0).integers(-1000, 1000, (6, 5, 4)).astype(np.int16)


def write_nibabel(kind: type[nib.spatialimages.SpatialImage]) -> Callable[[Path], None]:
    return lambda path: nib.save(kind(VOXELS, OBLIQUE), path)


def write_itk(path: Path) -> None:
    nib.save(nib.Nifti1Image(VOXELS, OBLIQUE), path.parent / "source.nii")
    image = sitk.ReadImage(str(path.parent / "source.nii"))
    sitk.WriteImage(image, str(path), useCompression="packed" in path.name)
    (path.parent / "source.nii").unlink()


WRITERS: dict[str, Callable[[Path], None]] = {
    "nifti2.nii": write_nibabel(nib.Nifti2Image),
    "nifti2.nii.gz": write_nibabel(nib.Nifti2Image),
    "pair.hdr": write_nibabel(nib.Nifti1Pair),
    "pair2.hdr": write_nibabel(nib.Nifti2Pair),
    "free.mgh": write_nibabel(nib.MGHImage),
    "free.mgz": write_nibabel(nib.MGHImage),
    "plain.nrrd": write_itk,
    "packed.nrrd": write_itk,
    "detached.nhdr": write_itk,
    "plain.mha": write_itk,
    "packed.mha": write_itk,
    "detached.mhd": write_itk,
    "packed_detached.mhd": write_itk,
}


@pytest.mark.parametrize("name", WRITERS)
def test_it_is_the_volume_that_nifti_gives(tmp_path: Path, name: str) -> None:
    nib.save(nib.Nifti1Image(VOXELS, OBLIQUE), tmp_path / "nifti.nii")
    expected = read_scan(tmp_path / "nifti.nii")
    (tmp_path / "there").mkdir()
    path = tmp_path / "there" / name
    WRITERS[name](path)
    scan = read_scan(path)
    np.testing.assert_array_equal(scan.image.numpy(), expected.image.numpy())
    np.testing.assert_allclose(scan.image.affine.numpy(), expected.image.affine.numpy(), atol=2e-5)
    assert (scan.slice_axis, scan.notes) == (expected.slice_axis, ())
    assert find_scans([tmp_path / "there"]) == [path]  # the file with the voxels alone is no other scan
    assert search_scans([tmp_path / "there"]).others == []
    assert read_scan(tmp_path / "there").sha256 == scan.sha256


def write_several(path: Path, volumes: NDArray[np.int16]) -> None:
    if path.suffix in (".nrrd", ".mha"):
        image = sitk.JoinSeries([sitk.GetImageFromArray(volume.T) for volume in np.moveaxis(volumes, 3, 0)])
        sitk.WriteImage(image, str(path))
        return
    kind = {".mgz": nib.MGHImage, ".hdr": nib.Nifti1Pair}.get(path.suffix, nib.Nifti1Image)
    nib.save(kind(volumes, OBLIQUE), path)


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz", "scan.hdr", "scan.mgz", "scan.nrrd", "scan.mha"])
def test_one_of_several_volumes_is_read_by_its_number(tmp_path: Path, name: str) -> None:
    volumes = np.stack([VOXELS, VOXELS[::-1], VOXELS + 1], axis=3)
    write_several(tmp_path / name, volumes)
    for number in range(3):
        scan = read_scan(tmp_path / name, volume=number)
        np.testing.assert_array_equal(scan.image.numpy()[0], volumes[..., number])
        assert (scan.volume, scan.image.dtype) == (number, torch.float32)
    with pytest.raises(ScanError, match=r"is 3 volumes .*--volume N, from 0 to 2\."):
        read_scan(tmp_path / name)
    with pytest.raises(ScanError, match=r"has no volume 3; it holds 3, and they are counted from 0\. Give 0 to 2\."):
        read_scan(tmp_path / name, volume=3)
    assert read_scan(tmp_path, volume=1).volume == 1  # of the folder that it lies in


def test_the_values_of_one_volume_are_scaled_too(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.stack([VOXELS, VOXELS + 7], axis=3), OBLIQUE)
    image.header.set_slope_inter(0.5, -3)
    nib.save(image, tmp_path / "scan.nii.gz")
    scan = read_scan(tmp_path / "scan.nii.gz", volume=1)
    np.testing.assert_array_equal(scan.image.numpy()[0], nib.load(tmp_path / "scan.nii.gz").get_fdata()[..., 1])
    np.testing.assert_allclose(scan.image.affine.numpy(), OBLIQUE, atol=1e-5)


def test_damage_behind_the_volume_is_seen(tmp_path: Path) -> None:
    volumes = np.random.default_rng(0).integers(0, 1000, (20, 20, 20, 3)).astype(np.int16)
    write_several(tmp_path / "scan.nii.gz", volumes)
    content = bytearray((tmp_path / "scan.nii.gz").read_bytes())
    content[-2000] ^= 1
    (tmp_path / "scan.nii.gz").write_bytes(content)
    with pytest.raises(ScanError, match="cannot be read as NIfTI"):
        read_scan(tmp_path / "scan.nii.gz", volume=0)


def test_a_file_of_one_volume_has_the_volume_0_alone(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(VOXELS, OBLIQUE), tmp_path / "scan.nii")
    assert read_scan(tmp_path / "scan.nii", volume=0).volume is None
    with pytest.raises(ScanError, match=r"has no volume 1; it holds 1, .*Give 0, or none\."):
        read_scan(tmp_path / "scan.nii", volume=1)


def test_a_volume_of_dicom_or_images_is_told_how_to_get(
    tmp_path: Path, write_multi_frame: Callable[..., NDArray[np.int64]]
) -> None:
    write_multi_frame(tmp_path / "dicom" / "volume.dcm", modality="OPT")
    (tmp_path / "images").mkdir()
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(tmp_path / "images" / "slice.png")
    for path in (tmp_path / "dicom", tmp_path / "dicom" / "volume.dcm", tmp_path / "images"):
        with pytest.raises(ScanError, match=r"volume 1 cannot be found in it\. .*dcm2niix"):
            read_scan(path, volume=1)


@pytest.mark.parametrize(("name", "packed"), [("scan.nii.gz", False), ("scan.nii", True), ("scan.mgz", False)])
def test_whether_it_is_compressed_its_content_says(tmp_path: Path, name: str, packed: bool) -> None:
    kind, suffix = (nib.MGHImage, ".mgh") if "mgz" in name else (nib.Nifti1Image, ".nii")
    nib.save(kind(VOXELS, OBLIQUE), tmp_path / f"plain{suffix}")
    content = (tmp_path / f"plain{suffix}").read_bytes()
    (tmp_path / name).write_bytes(gzip.compress(content) if packed else content)
    np.testing.assert_array_equal(read_scan(tmp_path / name).image.numpy()[0], VOXELS)


@pytest.mark.parametrize("name", ["scan.txt", "scan.png", "scan"])
def test_what_a_file_is_its_content_says(
    tmp_path: Path, write_multi_frame: Callable[..., NDArray[np.int64]], name: str
) -> None:
    write_multi_frame(tmp_path / "volume.dcm", modality="OPT")
    (tmp_path / "volume.dcm").rename(tmp_path / name)
    assert read_scan(tmp_path / name).kind == "dicom"
    assert find_scans([tmp_path / name]) == [tmp_path / name]
    (tmp_path / name).unlink()
    nib.save(nib.Nifti1Image(VOXELS, OBLIQUE), tmp_path / "volume.nii")
    (tmp_path / "volume.nii").rename(tmp_path / name)
    assert read_scan(tmp_path / name).kind == "nifti"


def test_analyze_does_not_say_the_sides(tmp_path: Path) -> None:
    nib.save(nib.AnalyzeImage(VOXELS, np.diag([1, 1, 4, 1])), tmp_path / "old.hdr")
    scan = read_scan(tmp_path / "old.hdr")
    np.testing.assert_array_equal(np.sort(scan.image.numpy().ravel()), np.sort(VOXELS.ravel()))
    assert [note for note in scan.notes if "which side is left" in note]


def test_bmp_is_read(tmp_path: Path) -> None:
    pixels = np.arange(30, dtype=np.uint8).reshape(5, 6)
    Image.fromarray(pixels).save(tmp_path / "slice.bmp")
    np.testing.assert_array_equal(read_scan(tmp_path / "slice.bmp").image.numpy()[0, ..., 0], pixels.T)


@pytest.mark.parametrize("name", ["one.png", "pages.tif", "float.tif"])
def test_a_turned_image_is_refused(tmp_path: Path, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(np.arange(30, dtype=np.float32 if "float" in name else np.uint8).reshape(5, 6))
    more: dict[str, Any] = {"save_all": True, "append_images": [image]} if "pages" in name else {}
    image.save(tmp_path / name, exif=exif, **more)
    with pytest.raises(ScanError, match="EXIF orientation 6"):
        read_scan(tmp_path / name, spacing=(1, 1, 1))


def test_cifti_is_called_what_it_is(tmp_path: Path) -> None:
    image = nib.Nifti2Image(VOXELS.reshape(1, 1, 1, 1, 6, 20), np.eye(4))
    image.header["intent_code"] = 3006
    nib.save(image, tmp_path / "thickness.dscalar.nii")
    with pytest.raises(ScanError, match="is CIFTI"):
        read_scan(tmp_path / "thickness.dscalar.nii")


def test_a_header_cannot_have_another_file_read(tmp_path: Path) -> None:
    write_itk(tmp_path / "scan.mhd")
    write_itk(tmp_path / "scan.nhdr")
    (tmp_path / "below").mkdir()
    for name, key in (("scan.mhd", "ElementDataFile = "), ("scan.nhdr", "data file: ")):
        text = (tmp_path / name).read_text()
        own = next(line for line in text.splitlines() if line.startswith(key))
        for other in ("../scan.raw", str(tmp_path / "scan.raw"), "absent.raw", "LIST", "scan%d.raw 1 4 1"):
            (tmp_path / "below" / name).write_text(text.replace(own, key + other))
            with pytest.raises(ScanError, match="its voxels are in another file"):
                read_scan(tmp_path / "below" / name)


@pytest.mark.parametrize("name", ["huge.nii", "huge.nii.gz", "huge.mha"])
def test_what_a_header_claims_is_told_before_memory_is_taken(tmp_path: Path, name: str) -> None:
    if name.endswith("mha"):
        text = "ObjectType = Image\nNDims = 3\nDimSize = 30000 30000 30000\nElementType = MET_SHORT\n"
        (tmp_path / name).write_text(f"{text}ElementDataFile = LOCAL\n" + "0" * 100)
    else:
        header = nib.Nifti1Header()
        header.set_data_dtype(np.int16)
        header.set_data_shape((30000, 30000, 30000))
        header["vox_offset"] = 352
        content = header.binaryblock + bytes(1000)
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    with pytest.raises(ScanError, match=r"30000 x 30000 x 30000 voxels \(54 TB\), and huge.* has .*(bytes|KB)"):
        read_scan(tmp_path / name)


def test_more_than_the_memory_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nib.save(nib.Nifti1Image(VOXELS, OBLIQUE), tmp_path / "scan.nii")
    monkeypatch.setattr("os.sysconf", lambda _: 20)
    with pytest.raises(ScanError, match="take 480 bytes of memory; this machine has 400 bytes"):
        read_scan(tmp_path / "scan.nii")


@pytest.mark.parametrize("name", ["scan.nii.gz", "packed.nrrd", "packed.mha", "free.mgz"])
def test_every_flipped_bit_of_a_compressed_file_is_seen_or_does_no_harm(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    WRITERS.get(name, write_nibabel(nib.Nifti1Image))(path)
    whole, content = read_scan(path), path.read_bytes()
    draw = np.random.default_rng(0)
    start = content.find(b"\n\n") if name.endswith("nrrd") else max(content.find(b"LOCAL"), 0)
    flips = draw.choice(np.arange(8 * (start + 8), 8 * len(content)), 60, replace=False)
    for flip in flips:
        changed = bytearray(content)
        changed[flip // 8] ^= 1 << (flip % 8)
        path.write_bytes(changed)
        try:
            scan = read_scan(path)
        except ScanError:
            continue
        np.testing.assert_array_equal(scan.image.numpy(), whole.image.numpy(), err_msg=str(flip))
        np.testing.assert_array_equal(scan.image.affine.numpy(), whole.image.affine.numpy(), err_msg=str(flip))


@pytest.mark.parametrize("field", ["type", "encoding", "kinds", "unknown"])
def test_long_fields_of_nrrd_do_not_end_the_process(tmp_path: Path, field: str) -> None:
    """In ITK alone they do, from some 1,000 bytes on. Free text may be long."""
    write_itk(tmp_path / "scan.nrrd")
    whole, content = read_scan(tmp_path / "scan.nrrd"), (tmp_path / "scan.nrrd").read_bytes()
    free = b"".join(key + b"x" * 3000 + b"\n" for key in (b"# ", b"content: ", b"key:="))
    (tmp_path / "free.nrrd").write_bytes(content.replace(b"type:", free + b"type:", 1))
    np.testing.assert_array_equal(read_scan(tmp_path / "free.nrrd").image.numpy(), whole.image.numpy())
    long = field.encode() + b": " + b"x" * 3000 + b"\n"
    (tmp_path / "long.nrrd").write_bytes(content.replace(b"type:", long + b"type:", 1))
    with pytest.raises(ScanError, match="cannot be read as NRRD"):
        read_scan(tmp_path / "long.nrrd")


@pytest.mark.parametrize(
    "found", ["NDims = -5", "NDims = 0", "NDims = 30000", "NDims = x", "NDims = 3\nHeaderSize = 9"]
)
def test_metaimage_that_ends_the_process_or_gives_rubbish_in_itk_alone_is_refused(tmp_path: Path, found: str) -> None:
    write_itk(tmp_path / "scan.mha")
    content = (tmp_path / "scan.mha").read_bytes()
    (tmp_path / "scan.mha").write_bytes(content.replace(b"NDims = 3", found.encode()))
    with pytest.raises(ScanError, match="cannot be read as MetaImage"):
        read_scan(tmp_path / "scan.mha")


@pytest.mark.parametrize(
    ("found", "other"),
    [
        (rb"CompressedDataSize = \d+\n", b""),
        (rb"CompressedDataSize = \d+", b"CompressedDataSize = 20"),
        (rb"ElementType", b"HeaderSize = 20\nElementType"),
        (rb"DimSize = (\d+ \d+) \d+", rb"DimSize = \1 9"),
    ],
)
def test_a_header_that_misplaces_compressed_voxels_is_refused(tmp_path: Path, found: bytes, other: bytes) -> None:
    """ITK alone gives whatever was in memory, and no error."""
    WRITERS["packed.mha"](tmp_path / "packed.mha")
    read_scan(tmp_path / "packed.mha")
    content, count = re.subn(found, other, (tmp_path / "packed.mha").read_bytes())
    assert count == 1
    (tmp_path / "packed.mha").write_bytes(content)
    with pytest.raises(ScanError, match="cannot be read as MetaImage"):
        read_scan(tmp_path / "packed.mha")


def test_compressed_voxels_of_their_own_file_need_no_size(tmp_path: Path) -> None:
    WRITERS["packed.mha"](tmp_path / "packed.mha")
    whole = read_scan(tmp_path / "packed.mha").image
    image = sitk.ReadImage(tmp_path / "packed.mha")
    sitk.WriteImage(image, tmp_path / "packed.mhd", useCompression=True)
    header = (tmp_path / "packed.mhd").read_text()
    (tmp_path / "packed.mhd").write_text(re.sub(r"CompressedDataSize = \d+\n", "", header))
    np.testing.assert_array_equal(read_scan(tmp_path / "packed.mhd").image.numpy(), whole.numpy())
