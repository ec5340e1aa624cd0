"""Read a volume in NRRD or MetaImage through ITK."""

import gzip
import re
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
import SimpleITK as sitk  # noqa: N813 (its users' own name for it)
from numpy.typing import NDArray

from monai_sar.scans.scan import LPS_TO_RAS, ScanError, reading
from monai_sar.scans.volume import Volume, choose_volume, slice_axis
from monai_sar.scans.whole_file import check_size

__all__ = ["read_itk_volume"]

_HEADER_BYTES = 1 << 16
_CHUNK = 1 << 20
_IO = {"nrrd": ("NRRD", "NrrdImageIO"), "metaimage": ("MetaImage", "MetaImageIO")}
_DATA_FILE = {"nrrd": rb"(?im)^data ?file\s*:\s*(.+?)\s*$", "metaimage": rb"(?im)^ElementDataFile\s*=\s*(.+?)\s*$"}
_COMPRESSED = {"nrrd": rb"(?im)^encoding\s*:\s*gz", "metaimage": rb"(?im)^CompressedData\s*=\s*True"}


def read_itk_volume(path: Path, number: int | None = None, *, kind: Literal["nrrd", "metaimage"]) -> Volume:
    """Read a volume, in one file or as a header beside its voxels; ITK's LPS coordinates become RAS.

    Args:
        path: of the one file, or of the header.
        number: of the volume, where there are several; see :func:`monai_sar.scans.volume.choose_volume`.
        kind: its format, whatever its name says.

    Raises:
        ScanError: it is damaged, holds no such volume, or several and none is wanted, has several values per voxel, or
            names voxels that are not beside it.
    """
    name, io = _IO[kind]
    with reading(path, name):
        with path.open("rb") as stream:
            header = stream.read(_HEADER_BYTES)
        header = header[: _header_end(header, kind)]
        data = _data_file(path, header, kind)
        compressed = re.search(_COMPRESSED[kind], header) is not None
        if compressed:
            _check_compressed(data, 0 if data != path else len(header), kind)
        sitk.ProcessObject.SetGlobalWarningDisplay(False)  # they may quote the header
        reader = sitk.ImageFileReader()
        reader.SetImageIO(io)
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
        shape, chosen = choose_volume(reader.GetSize(), path, number)
        if reader.GetNumberOfComponents() != 1:
            raise ScanError(
                f"{path}: has {reader.GetNumberOfComponents()} values per voxel, expected one; convert it to a "
                "grey-scale volume."
            )
        check_size(path, reader.GetSize(), _bytes_per_voxel(reader), data=data, compressed=compressed)
        image = reader.Execute()
        values = sitk.GetArrayFromImage(image).T
        voxels = (values if chosen is None else values[:, :, :, chosen]).reshape(shape).astype(np.float32)
        affine = _affine(image)
    return Volume(voxels, affine, slice_axis(affine), tuple(dict.fromkeys((path, data))), number=chosen)


def _data_file(path: Path, header: bytes, kind: Literal["nrrd", "metaimage"]) -> Path:
    """The file with the voxels: a header from somewhere must not have any file of this machine read."""
    found = re.search(_DATA_FILE[kind], header)
    if found is None or found[1].upper() == b"LOCAL":
        return path
    name = found[1].decode(errors="replace")
    if name != Path(name).name or not (path.parent / name).is_file():
        raise ScanError(
            f"{path}: says that its voxels are in another file, expected one beside it; copy both files, or write them "
            "as one."
        )
    return path.parent / name


def _header_end(header: bytes, kind: Literal["nrrd", "metaimage"]) -> int:
    """How many bytes are header: up to an empty line, or up to the line that says where the voxels are."""
    found = re.search(rb"\r?\n\r?\n" if kind == "nrrd" else rb"(?im)^ElementDataFile\s*=.*?\n", header)
    return len(header) if found is None else found.end()


def _check_compressed(data: Path, start: int, kind: Literal["nrrd", "metaimage"]) -> None:
    """Read compressed voxels to their end, and so compare their checksum: ITK gives what is wrong without a word.

    Raises:
        Exception: of zlib or gzip.
    """
    with data.open("rb") as raw:
        raw.seek(start)
        if kind == "nrrd":
            with gzip.GzipFile(fileobj=raw) as stream:
                while stream.read(_CHUNK):
                    pass
            return
        decompress, rest = zlib.decompressobj(), b""
        while not decompress.eof:
            if not (chunk := rest or raw.read(_CHUNK)):
                raise EOFError("the compressed voxels end early")
            decompress.decompress(chunk, _CHUNK)
            rest = decompress.unconsumed_tail


def _bytes_per_voxel(reader: sitk.ImageFileReader) -> int:
    one = sitk.Image([1] * reader.GetDimension(), reader.GetPixelIDValue())
    return int(sitk.GetArrayFromImage(one).itemsize)


def _affine(image: sitk.Image) -> NDArray[np.float64]:
    """Voxel indices to RAS millimetres; a third axis, if there is none, is 1 mm long."""
    axes, given = min(image.GetDimension(), 3), image.GetDimension()
    direction = np.reshape(image.GetDirection(), (given, given))[:axes, :axes]
    affine = np.eye(4)
    affine[:axes, :axes] = direction * np.array(image.GetSpacing()[:axes])
    affine[:axes, 3] = image.GetOrigin()[:axes]
    result: NDArray[np.float64] = LPS_TO_RAS @ affine
    return result
