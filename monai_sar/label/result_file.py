"""A volume of a result as the kind of file that a viewer asks for."""

import re
import tempfile
from pathlib import Path

import SimpleITK as sitk  # noqa: N813 (its users' own name for it)

__all__ = ["NIFTI", "temporary_file", "write_as"]

NIFTI = ".nii.gz"

PIXEL_TYPES = {"uint8": sitk.sitkUInt8, "uint16": sitk.sitkUInt16, "int16": sitk.sitkInt16, "float32": sitk.sitkFloat32}


def temporary_file(extension: str) -> Path:
    """A new, empty file of the server's own, which it removes after sending it."""
    with tempfile.NamedTemporaryFile(prefix="monai-sar-", suffix=extension, delete=False) as file:
        return Path(file.name)


def write_as(nifti: Path, *, extension: str = NIFTI, dtype: str | None = None) -> Path:
    """Copy a NIfTI file into a temporary file of another kind.

    Args:
        nifti: the file.
        extension: such as ``.nrrd``, which 3D Slicer and OHIF ask for.
        dtype: type of the values; by default as it is.

    Raises:
        ValueError: unknown type, or a volume or an extension that ITK cannot write.
    """
    if dtype is not None and dtype not in PIXEL_TYPES:
        raise ValueError(f"result_dtype is {dtype!r}, expected one of {', '.join(PIXEL_TYPES)}.")
    if re.fullmatch(r"(\.\w+)+", extension) is None:
        raise ValueError(f"result_extension is {extension!r}, expected one such as '{NIFTI}'.")
    path = temporary_file(extension)
    if extension == NIFTI and dtype is None:
        path.write_bytes(nifti.read_bytes())
        return path
    try:
        image = sitk.ReadImage(str(nifti))
        if dtype is not None:
            image = sitk.Cast(image, PIXEL_TYPES[dtype])
        sitk.WriteImage(image, str(path), True)
    except RuntimeError:
        path.unlink()
        raise ValueError(
            f"The result cannot be written as '{extension}': ITK knows no such format, or refuses the scan's geometry "
            f"(shear). Ask for result_extension {NIFTI}."
        ) from None
    return path
