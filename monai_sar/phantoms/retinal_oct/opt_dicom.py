"""A macular OCT volume as one multi-frame DICOM object, as a scanner would export it."""

import hashlib

import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

__all__ = ["opt_dataset"]

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
DATE, TIME, DURATION_S = "20240101", "120000", 2.0  # the same bytes on every day


def opt_dataset(
    pixels: NDArray[np.uint8], affine: NDArray[np.float64], *, laterality: str, identifier: str
) -> FileDataset:
    """Build an object of the Ophthalmic Tomography Image IOD (PS3.3 A.52).

    https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_A.52.html

    Args:
        pixels: ``[H, W, D]``; each B-scan is a frame.
        affine: index of row, column and frame to mm in RAS+, ``[4, 4]``.
        laterality: "R" or "L", the eye.
        identifier: of the subject.
    """
    key = hashlib.sha256(pixels.tobytes() + affine.tobytes()).hexdigest()
    image, study, series, place, dimensions = (
        uid.generate_uid(entropy_srcs=[key, name]) for name in ("image", "study", "series", "place", "dimensions")
    )
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = uid.OphthalmicTomographyImageStorage, image
    meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = uid.OphthalmicTomographyImageStorage, image
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = study, series, place
    _describe_study(dataset, identifier)
    _describe_acquisition(dataset, laterality)
    _describe_pixels(dataset, pixels)
    _locate_frames(dataset, LPS_FROM_RAS @ affine)
    _order_frames(dataset, dimensions)
    return dataset


def _describe_study(dataset: Dataset, identifier: str) -> None:
    """Patient, study, series and equipment (PS3.3 C.7.1 to C.7.5)."""
    dataset.PatientName, dataset.PatientID = "Phantom^Synthetic", identifier
    dataset.PatientBirthDate = dataset.PatientSex = ""
    dataset.StudyDate, dataset.StudyTime, dataset.ContentDate, dataset.ContentTime = DATE, TIME, DATE, TIME
    dataset.StudyID, dataset.AccessionNumber, dataset.ReferringPhysicianName = "1", "", ""
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = "OPT", 1, 1
    dataset.AcquisitionNumber = 1
    dataset.Manufacturer, dataset.ManufacturerModelName = "MONAI-SAR", "synthetic retina, no patient"
    dataset.DeviceSerialNumber, dataset.SoftwareVersions = "0", "1"
    dataset.PositionReferenceIndicator = ""


def _describe_acquisition(dataset: Dataset, laterality: str) -> None:
    """Eye and scanner (PS3.3 C.8.17.5 to C.8.17.9)."""
    dataset.ImageLaterality = laterality
    dataset.AnatomicRegionSequence = [_coded(codes.SCT.Retina)]
    dataset.AcquisitionDateTime, dataset.AcquisitionDuration = DATE + TIME, DURATION_S
    dataset.AcquisitionDeviceTypeCodeSequence = [_coded(codes.SCT.OpticalCoherenceTomographyScanner)]
    dataset.DetectorType = "CCD"
    dataset.IlluminationWaveLength, dataset.IlluminationPower, dataset.IlluminationBandwidth = 870.0, 1200.0, 50.0
    for direction, micrometres in (("Depth", 7.0), ("AlongScan", 14.0), ("AcrossScan", 14.0)):
        setattr(dataset, f"{direction}SpatialResolution", micrometres)
        setattr(dataset, f"Maximum{direction}Distortion", 0.0)
    # to be there, but may be empty
    dataset.AxialLengthOfTheEye = dataset.HorizontalFieldOfView = dataset.EmmetropicMagnification = None
    dataset.IntraOcularPressure = dataset.PupilDilated = None
    dataset.AcquisitionContextSequence = dataset.RefractiveStateSequence = []
    dataset.LightPathFilterTypeStackCodeSequence = []


def _describe_pixels(dataset: Dataset, pixels: NDArray[np.uint8]) -> None:
    """Pixels as they are to be displayed (PS3.3 C.7.6.3, C.8.17.7)."""
    dataset.ImageType, dataset.BurnedInAnnotation = ["ORIGINAL", "PRIMARY"], "NO"
    dataset.LossyImageCompression, dataset.PresentationLUTShape = "00", "IDENTITY"
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 0
    dataset.ConcatenationFrameOffsetNumber, dataset.InConcatenationNumber = 0, 1  # all frames are in this file
    dataset.InConcatenationTotalNumber = 1
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelData = pixels.transpose(2, 0, 1).tobytes()
    dataset["PixelData"].VR = "OB"


def _locate_frames(dataset: Dataset, affine: NDArray[np.float64]) -> None:
    """Place every frame in space (Multi-frame Functional Groups, PS3.3 C.7.6.16)."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    to_next_row, to_next_column, _ = (affine[:3, :3] / spacing).T
    measures, orientation, anatomy, shared = (Dataset() for _ in range(4))
    measures.PixelSpacing, measures.SliceThickness = _decimals(spacing[:2]), _decimals(spacing[2:])
    orientation.ImageOrientationPatient = _decimals(np.concatenate([to_next_column, to_next_row]))
    anatomy.FrameLaterality, anatomy.AnatomicRegionSequence = dataset.ImageLaterality, dataset.AnatomicRegionSequence
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    shared.FrameAnatomySequence = [anatomy]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = []
    for index in range(dataset.NumberOfFrames):
        position, group = Dataset(), Dataset()
        position.ImagePositionPatient = _decimals(affine[:3, 3] + index * affine[:3, 2])
        group.PlanePositionSequence = [position]
        dataset.PerFrameFunctionalGroupsSequence.append(group)


def _order_frames(dataset: Dataset, dimensions: str) -> None:
    """Number the frames by position, and time them (Multi-frame Dimension, PS3.3 C.7.6.17)."""
    organization, pointer = Dataset(), Dataset()
    organization.DimensionOrganizationUID = pointer.DimensionOrganizationUID = dimensions
    pointer.DimensionIndexPointer = tag_for_keyword("ImagePositionPatient")
    pointer.FunctionalGroupPointer = tag_for_keyword("PlanePositionSequence")
    dataset.DimensionOrganizationSequence, dataset.DimensionIndexSequence = [organization], [pointer]
    for number, group in enumerate(dataset.PerFrameFunctionalGroupsSequence, start=1):
        content = Dataset()
        content.DimensionIndexValues = number
        content.FrameAcquisitionDateTime = content.FrameReferenceDateTime = DATE + TIME
        content.FrameAcquisitionDuration = 1000 * DURATION_S / dataset.NumberOfFrames  # ms
        group.FrameContentSequence = [content]


def _coded(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return item


def _decimals(values: NDArray[np.float64]) -> list[str]:
    """As Decimal String, of at most 16 characters."""
    return [f"{value:.9g}" for value in values]
