"""Small sound files of every kind that is read, written by the libraries that others write theirs with."""

# nibabel is typed in part
# mypy: disable-error-code="no-untyped-call, attr-defined"
import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import SimpleITK as sitk  # noqa: N813 (its users' own name for it)
import torch
from monai.bundle import ConfigParser
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom import dcmwrite, uid
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset

from benchmarks.fuzzing.strange_values import SECRET
from monai_sar.calibration import PatientScores, ScanTraits, calibration_from_scores
from monai_sar.networks import AnomalyDetector
from monai_sar.networks.torch_file import save_torch
from monai_sar.results.dicom_segmentation import write_segmentation
from monai_sar.scans.dicom_header import read_instances

__all__ = [
    "BUNDLE", "TINY", "write_checkpoint", "write_datalist", "write_image", "write_itk", "write_list", "write_mgh",
    "write_multi_frame", "write_nifti", "write_pages", "write_segmentation_of_series", "write_series",
]  # fmt: skip

BUNDLE = Path(__file__).resolve().parents[2] / "bundles" / "brain_mri_anomaly"
TINY = {
    "encoder_name": "vit_tiny_patch16_224",
    "encoder_weights": "random",
    "image_size": [32, 32],
    "hidden_channels": 8,
}

_AFFINE = np.array([[0, -0.9, 0, 40], [-1.1, 0, 0, 20], [0, 0, 3.0, -7], [0, 0, 0, 1]])


def _voxels(shape: tuple[int, ...], largest: int = 4096) -> NDArray[np.int16]:
    """A ball in noise, so that it compresses in part."""
    places = np.indices(shape)
    ball = sum((place - size / 2) ** 2 for place, size in zip(places, shape, strict=True)) < (min(shape[-2:]) / 3) ** 2
    noise = np.random.default_rng(0).integers(largest // 2, largest, shape)
    voxels: NDArray[np.int16] = (ball * noise).astype(np.int16)
    return voxels


def write_nifti(path: Path, kind: type = nib.nifti1.Nifti1Image, *, scaled: bool = False) -> Path:
    """NIfTI-1, NIfTI-2 or Analyze of ``[12, 14, 6]``, whose name says whether it is one file or compressed."""
    image = kind(_voxels((12, 14, 6)), None if kind is nib.analyze.AnalyzeImage else _AFFINE)
    image.header["descrip"] = f"{SECRET} description".encode()
    if scaled:
        image.header.set_slope_inter(0.5, -3)
    if kind is nib.nifti1.Nifti1Image and path.suffix == ".nii":
        image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", f"{SECRET} comment".encode() * 9))
    nib.save(image, path)
    return path


def write_mgh(path: Path) -> Path:
    """MGH of ``[12, 14, 6]``."""
    nib.save(nib.MGHImage(_voxels((12, 14, 6)), _AFFINE), path)
    return path


def write_itk(path: Path, *, compressed: bool = False) -> Path:
    """NRRD or MetaImage of ``[12, 14, 6]``."""
    image = sitk.GetImageFromArray(_voxels((12, 14, 6)).T)
    image.SetSpacing((0.9, 1.1, 3.0))
    image.SetMetaData("Comment", f"{SECRET} comment")
    sitk.WriteImage(image, path, useCompression=compressed)
    return path


def write_image(path: Path, mode: str = "L", **options: Any) -> Path:
    """An image of 20 x 16; mode "P" has a grey palette."""
    pixels = _voxels((16, 20), 65536 if mode == "I;16" else 256)
    values = pixels.astype(np.uint16 if mode == "I;16" else np.uint8)
    image = Image.fromarray(values)
    image = image.convert("P") if mode == "P" else image.convert("RGB") if mode == "RGB" else image
    if path.suffix == ".png":
        text = PngInfo()
        text.add_text("Comment", f"{SECRET} comment")
        options["pnginfo"] = text
    image.save(path, **options)
    return path


def write_pages(path: Path) -> Path:
    """TIFF of three pages."""
    pages = [Image.fromarray(page.astype(np.uint16)) for page in _voxels((3, 16, 20))]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    return path


def _dicom(sop_class: uid.UID, modality: str, pixels: NDArray[np.int16]) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, uid.generate_uid()
    meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = f"{SECRET}^NAME", f"{SECRET}-ID", "19441231"
    ds.PatientSex, ds.AccessionNumber, ds.StudyID, ds.ReferringPhysicianName = "O", "", "", ""
    ds.StudyDate, ds.StudyTime, ds.SeriesDescription = "20200101", "120000", f"{SECRET} series"
    ds.Modality, ds.ImageType, ds.SeriesNumber = modality, ["ORIGINAL", "PRIMARY", "AXIAL"], 3
    ds.Rows, ds.Columns = pixels.shape[-2:]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = pixels.astype("<u2").tobytes()
    ds["PixelData"].VR = "OW"
    return ds


def _save(ds: FileDataset, path: Path, syntax: uid.UID) -> None:
    if syntax not in uid.UncompressedTransferSyntaxes:
        ds.compress(syntax, generate_instance_uid=False)
    dcmwrite(path, ds, enforce_file_format=True)


def write_series(folder: Path, syntax: uid.UID = uid.ExplicitVRLittleEndian) -> Path:
    """A CT series of three slices of 34 x 32."""
    folder.mkdir()
    study, series, frame = (uid.generate_uid() for _ in range(3))
    for index, pixels in enumerate(_voxels((3, 32, 34))):
        ds = _dicom(uid.CTImageStorage, "CT", pixels)
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = study, series, frame
        ds.InstanceNumber, ds.ImageOrientationPatient = index + 1, [1, 0, 0, 0, 1, 0]
        ds.ImagePositionPatient, ds.PixelSpacing = [-40, 25, 110 + 3 * index], [0.7, 0.9]
        ds.SliceThickness, ds.RescaleSlope, ds.RescaleIntercept = "3", "2", "-1024"
        _save(ds, folder / f"{index}.dcm", syntax)
    return folder


def write_multi_frame(path: Path, syntax: uid.UID = uid.ExplicitVRLittleEndian, *, tomography: bool = False) -> Path:
    """Enhanced MR, or Ophthalmic Tomography, of three frames of 34 x 32."""
    sop_class = uid.OphthalmicTomographyImageStorage if tomography else uid.EnhancedMRImageStorage
    ds = _dicom(sop_class, "OPT" if tomography else "MR", _voxels((3, 32, 34)))
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.NumberOfFrames = uid.generate_uid(), uid.generate_uid(), 3
    measures, plane, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.7, 0.9], "2"
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [plane]
    ds.SharedFunctionalGroupsSequence = [shared]
    groups = []
    for index in range(3):
        group, position, transform = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [-40, 25, 110 - 2 * index]
        transform.RescaleSlope, transform.RescaleIntercept = str(1 + index), "-5"
        if not tomography:
            group.PlanePositionSequence = [position]
        group.PixelValueTransformationSequence = [transform]
        groups.append(group)
    ds.PerFrameFunctionalGroupsSequence = groups
    _save(ds, path, syntax)
    return path


def write_segmentation_of_series(path: Path) -> Path:
    """A Segmentation of the series in the folder ``scan`` beside it."""
    files = sorted(write_series(path.parent / "scan").iterdir())
    write_segmentation(path, _voxels((34, 32, 3)) > 0, read_instances(files))
    return path


def write_checkpoint(path: Path) -> Path:
    """The brain bundle's detector, tiny and never trained, with a calibration that is made up."""
    parser = ConfigParser()
    parser.read_config(str(BUNDLE / "configs" / "inference.yaml"))
    parser.update(dict(TINY))
    torch.manual_seed(0)
    network: AnomalyDetector = parser.get_parsed_content("network")
    network.witnesses.fit(*torch.empty(2, 1000).exponential_())
    scores = np.random.default_rng(0).gamma(3, size=(25, 101)).astype(np.float32)
    embeddings = np.random.default_rng(1).normal(size=(25, 192)).tolist()
    patients = [
        PatientScores(
            pixels=np.sort(each),
            scans=(float(each.max()),),
            kind="volumes",
            digests=(f"{index:064x}".encode(),),
            sources=(f"{index:064x}",),
            traits=(ScanTraits("volumes", "MR", {"slices": 20.0 + index % 3}, tuple(channels)),),
        )
        for index, (each, channels) in enumerate(zip(scores, embeddings, strict=True))
    ]
    network.calibration = calibration_from_scores(patients, None, unit="patient")
    save_torch(network.state_dict(), path)
    return path


def write_datalist(path: Path) -> Path:
    """A datalist of 12 scans, some with masks, patients and folds; its files are there, and empty."""
    extras: list[dict[str, Any]] = [{}, {"label": "scans/m.nii.gz"}, {"abnormal": 0}, {"region": "scans/m.nii.gz"}]
    items: dict[str, list[dict[str, Any]]] = {
        split: [
            {"image": f"scans/{split}_{number}.nii.gz", "patient": f"{split}{number}", **extra}
            for number, extra in enumerate(extras)
        ]
        for split in ("training", "validation", "testing")
    }
    for number, item in enumerate(items["training"]):
        item["fold"] = number % 2
    (path.parent / "scans").mkdir()
    for name in ("m.nii.gz", *(item["image"].removeprefix("scans/") for each in items.values() for item in each)):
        (path.parent / "scans" / name).touch()
    path.write_text(json.dumps(items))
    return path


def write_list(path: Path) -> Path:
    """A list of scans, some of which are there."""
    write_nifti(path.parent / "a.nii.gz")
    write_image(path.parent / "b.png")
    write_series(path.parent / "series")
    path.write_text("# scans\na.nii.gz\n./b.png\nseries\n\nnone.nii\n")
    return path
