"""Tell slices of a volume from what else is stored as DICOM: localizers, captures, maps, mosaics, colour."""

from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from monai_sar.scans.dicom_header import IMAGES_IN_MOSAIC, SIEMENS_BLOCK, DicomFile

__all__ = ["why_not_a_slice"]

_LABEL_MAP_SEGMENTATION_STORAGE = uid.UID("1.2.840.10008.5.1.4.1.1.66.7")
"""Label Map Segmentation Storage (PS3.4 B.5); pydicom does not have it."""

_NOT_SCANS = {
    uid.SecondaryCaptureImageStorage: "secondary capture",
    uid.MultiFrameSingleBitSecondaryCaptureImageStorage: "secondary capture",
    uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage: "secondary capture",
    uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage: "secondary capture",
    uid.MultiFrameTrueColorSecondaryCaptureImageStorage: "secondary capture",
    uid.SegmentationStorage: "segmentation",
    _LABEL_MAP_SEGMENTATION_STORAGE: "segmentation",
    uid.ParametricMapStorage: "parametric map",
    uid.RTDoseStorage: "radiotherapy dose",
    uid.MediaStorageDirectoryStorage: "DICOM directory",
}
"""SOP classes that are made from scans, or hold none (PS3.4 B.5)."""

_MOSAIC = "Siemens mosaic (slices as the tiles of one picture; convert it with dcm2niix and give the NIfTI file)"

_NOT_SLICES = {
    "MOSAIC": _MOSAIC,
    "LOCALIZER": "localizer",
    "SCREEN SAVE": "screen capture",
    "PROJECTION IMAGE": "projection",
    "MIP": "projection",
    "MAX_IP": "projection",
    "MIN_IP": "projection",
}
"""Values of Image Type (0008,0008) whose images are no slices of a volume."""

_COLOURS = {
    "RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT", "XYB", "HSV", "CMYK",
}  # fmt: skip
"""Photometric interpretations (0028,0004) of colour images, PS3.3 C.7.6.3.1.2."""


def why_not_a_slice(file: DicomFile) -> str | None:
    """Say what a DICOM object is if it cannot be a grey-scale slice (or frames) of a volume, else None."""
    header = file.header
    if file.sop_class in _NOT_SCANS:
        return _NOT_SCANS[file.sop_class]
    if 0 in file.size:
        return "object without an image"
    image_type = header.get("ImageType")
    for value in map(str, image_type if isinstance(image_type, MultiValue) else [image_type]):
        if value in _NOT_SLICES:
            return _NOT_SLICES[value]
    if _images_in_mosaic(header) > 1:
        return _MOSAIC
    photometric = str(header.get("PhotometricInterpretation", ""))
    if not photometric:
        return "image without PhotometricInterpretation"
    if header.get("SamplesPerPixel", 1) != 1 or not photometric.startswith("MONOCHROME"):
        return f"colour image ({photometric if photometric in _COLOURS else 'not MONOCHROME'})"
    if header.get("PixelPresentation", "MONOCHROME") in ("COLOR", "MIXED", "TRUE_COLOR"):
        return "colour-coded map (Pixel Presentation COLOR)"
    if not file.is_multi_frame and not (header.get("ImagePositionPatient") and header.get("ImageOrientationPatient")):
        return "image without a position in the patient"
    return None


def _images_in_mosaic(header: Dataset) -> int:
    """Number of tiles that a Siemens scanner says it put into one picture; 0 where it does not say."""
    if IMAGES_IN_MOSAIC not in header:
        return 0
    creator = str(header[SIEMENS_BLOCK].value) if SIEMENS_BLOCK in header else "SIEMENS"
    value = header[IMAGES_IN_MOSAIC].value
    if isinstance(value, bytes):  # of unknown VR, in the byte order of all data sets in use
        value = int.from_bytes(value, "little")
    return value if creator.upper().startswith("SIEMENS") and isinstance(value, int) else 0
