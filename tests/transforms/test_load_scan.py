"""A scan keeps its voxels, its place and what is known about it, through MONAI's loaders too."""

# nibabel is typed in part
# mypy: disable-error-code="no-untyped-call, attr-defined"
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import DataLoader, Dataset, MetaTensor, decollate_batch
from monai.transforms import Compose, Invertd
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset as DicomDataset
from pydicom import uid
from pydicom.dataset import FileMetaDataset

from monai_sar.scans import ScanError, read_scan
from monai_sar.transforms.load_scan import LoadScan, LoadScand
from monai_sar.transforms.orient_slices import OrientSlicesd

FACTS = ("filename_or_obj", "kind", "modality", "slice_axis", "sha256", "instances", "frame_numbers", "notes")
OBLIQUE = np.array([[0.9, -0.5, 0.1, -12.5], [0.4, 1.1, 1.9, 7.0], [-0.2, 0.3, -4.6, 99.0], [0, 0, 0, 1]])


def nifti(folder: Path) -> Path:
    """Write an oblique volume of 4 x 5 x 3 thick slices."""
    path = folder / "brain.nii.gz"
    voxels = np.random.default_rng(0).normal(300, 40, (4, 5, 3)).astype(np.float32)
    nib.save(nib.Nifti1Image(voxels, OBLIQUE), path)
    return path


def dicom_image(sop_class: uid.UID, modality: str, pixels: NDArray[np.int64]) -> DicomDataset:
    ds = DicomDataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = sop_class, uid.generate_uid(), modality
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.Rows, ds.Columns = pixels.shape[-2:]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    ds.ImageOrientationPatient, ds.PixelSpacing, ds.SliceThickness = [1, 0, 0, 0, 1, 0], [0.8, 0.8], 2
    ds.PixelData = pixels.astype("<u2").tobytes()
    return ds


def ct_series(folder: Path) -> Path:
    """Write three CT slices whose file names run against their positions."""
    (folder / "series").mkdir()
    series = uid.generate_uid()
    for index in range(3):
        ds = dicom_image(uid.CTImageStorage, "CT", np.arange(20).reshape(4, 5) + 100 * index)
        ds.SeriesInstanceUID, ds.ImagePositionPatient = series, [0, 0, 2 * index]
        ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
        ds.save_as(folder / "series" / f"{9 - index}.dcm", enforce_file_format=True)
    return folder / "series"


def enhanced_mr(folder: Path) -> Path:
    """Write one object of three frames, the uppermost first."""
    ds = dicom_image(uid.EnhancedMRImageStorage, "MR", np.arange(60).reshape(3, 4, 5))
    ds.SeriesInstanceUID, ds.NumberOfFrames = uid.generate_uid(), 3
    ds.PerFrameFunctionalGroupsSequence = []
    for height in (4, 2, 0):
        frame, plane = DicomDataset(), DicomDataset()
        plane.ImagePositionPatient = [0, 0, height]
        frame.PlanePositionSequence = [plane]
        ds.PerFrameFunctionalGroupsSequence.append(frame)
    ds.save_as(folder / "frames.dcm", enforce_file_format=True)
    return folder / "frames.dcm"


def png_slices(folder: Path) -> Path:
    (folder / "slices").mkdir()
    for index in range(3):
        Image.fromarray(np.arange(20, dtype=np.uint8).reshape(4, 5) + index).save(folder / "slices" / f"{index}.png")
    return folder / "slices"


def through_a_loader(image: MetaTensor, workers: int = 0) -> MetaTensor:
    [batch] = DataLoader(Dataset([{"image": image}]), batch_size=1, num_workers=workers)
    loaded: MetaTensor = decollate_batch(batch)[0]["image"]
    return loaded


@pytest.mark.parametrize("write", [nifti, ct_series, enhanced_mr, png_slices])
def test_voxels_and_place_are_those_of_the_scan_and_all_facts_are_kept(tmp_path: Path, write: Any) -> None:
    path = write(tmp_path)
    spacing = (0.8, 0.8, 2.0) if write is png_slices else None
    scan = read_scan(path, spacing=spacing)
    for image in (LoadScan(spacing=spacing)(path), through_a_loader(LoadScan(spacing=spacing)(path))):
        assert torch.equal(image.as_tensor(), scan.image.as_tensor())
        assert image.dtype == torch.float32
        assert image.affine.dtype == torch.float64
        assert torch.equal(image.affine, scan.image.affine)
        facts = {name: image.meta[name] or [] if name in FACTS[5:] else image.meta[name] for name in FACTS}
        assert facts == {
            "filename_or_obj": str(path),
            "kind": scan.kind,
            "modality": scan.modality or "",
            "slice_axis": scan.slice_axis,
            "sha256": scan.sha256,
            "instances": [str(file) for file in scan.instances],
            "frame_numbers": list(scan.frame_numbers),
            "notes": list(scan.notes),
        }


def test_slices_and_frames_are_named_in_the_order_of_the_array(tmp_path: Path) -> None:
    series = through_a_loader(LoadScan()(ct_series(tmp_path)), workers=1)
    assert [Path(file).name for file in series.meta["instances"]] == ["9.dcm", "8.dcm", "7.dcm"]
    assert series[0, 0, 0].tolist() == [-1024, -924, -824]
    frames = through_a_loader(LoadScan()(enhanced_mr(tmp_path)))
    assert frames.meta["frame_numbers"] == [3, 2, 1]
    assert frames[0, 0, 0].tolist() == [40, 20, 0]
    assert frames.meta["instances"] == [str(tmp_path / "frames.dcm")]


def test_facts_and_geometry_survive_the_way_through_a_config(tmp_path: Path) -> None:
    """Load, orient, batch, unbatch, invert: what an engine does with a scan."""
    preprocessing = Compose([LoadScand("image"), OrientSlicesd("image", axis="sagittal")])
    path = str(ct_series(tmp_path))
    [batch] = DataLoader(Dataset([{"image": path}], preprocessing), batch_size=1)
    batch["pred"] = batch["image"] * 2
    item = decollate_batch(batch)[0]
    invert = Invertd("pred", preprocessing, orig_keys="image", nearest_interp=False)
    restored, expected = invert(item)["pred"], LoadScan()(path)
    assert torch.equal(restored.as_tensor(), 2 * expected.as_tensor())
    assert torch.equal(restored.affine, expected.affine)
    for name in FACTS:
        assert (restored.meta[name] or []) == (expected.meta[name] or [])


def test_another_modality_is_refused_but_an_unknown_one_passes(tmp_path: Path) -> None:
    with pytest.raises(ScanError, match="modality is CT, expected MR"):
        LoadScan(modality="MR")(ct_series(tmp_path))
    assert LoadScan(modality="MR")(nifti(tmp_path)).meta["modality"] == ""
    with pytest.raises(RuntimeError) as error:  # Compose wraps what a transform raises
        Compose([LoadScand("image", modality="MR")])({"image": tmp_path / "series"})
    assert isinstance(error.value.__cause__, ScanError)


def test_the_series_can_be_chosen(tmp_path: Path) -> None:
    with pytest.raises(ScanError, match=r"1\.2\.3"):
        LoadScan(series_uid="1.2.3")(ct_series(tmp_path))


def test_the_dictionary_transform_equals_the_array_transform(tmp_path: Path) -> None:
    data: dict[Hashable, Any] = {"scan": str(png_slices(tmp_path)), "other": 7}
    loaded = LoadScand(("scan", "absent"), spacing=(1.0, 2.0, 3.0), allow_missing_keys=True)(data)
    assert torch.equal(loaded["scan"], LoadScan(spacing=(1.0, 2.0, 3.0))(data["scan"]))
    assert loaded["scan"].pixdim.tolist() == [1, 2, 3]
    assert data == {"scan": str(tmp_path / "slices"), "other": 7}
    with pytest.raises(KeyError, match="absent"):
        LoadScand("absent")(data)
