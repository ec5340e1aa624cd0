"""Read a volume in NRRD or MetaImage through ITK."""

import gzip
import re
import zlib
from math import prod
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import SimpleITK as sitk  # noqa: N813 (its users' own name for it)
from numpy.typing import NDArray

from monai_sar.scans.scan import LPS_TO_RAS, ScanError, reading
from monai_sar.scans.volume import Volume, choose_volume, slice_axis
from monai_sar.scans.whole_file import check_size

__all__ = ["read_itk_volume"]

_HEADER_BYTES = 1 << 16
_CHUNK = 1 << 20
_LONGEST_FIELD = 500
"""ITK's reader of NRRD ends the whole process over a field of some 1,000 bytes that it does not understand."""
_MAY_BE_LONG = re.compile(rb"#|content:|[^:\n]*:=")
"""Lines of NRRD that hold free text: comments, and pairs of key and value."""
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
        if kind == "nrrd":
            _check_nrrd(header)
        else:
            _check_metaimage(header, begins_at_once=compressed or data == path)
        held = _compressed(data, 0 if data != path else len(header), kind) if compressed else None
        if held is not None and kind == "metaimage":
            _check_told_size(header, held.stored, inside=data == path)
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
        if held is not None and held.whole < prod(reader.GetSize()) * _bytes_per_voxel(reader):
            raise EOFError("fewer voxels than the header describes")  # ITK leaves the others as memory was
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


def _check_nrrd(header: bytes) -> None:
    """Refuse what no writer writes, and ends the process.

    Raises:
        ValueError: a line is too long.
    """
    lines = header.split(b"\n")
    if any(len(line) > _LONGEST_FIELD and not _MAY_BE_LONG.match(line) for line in lines):
        raise ValueError("a field of NRRD is longer than any")


def _check_metaimage(header: bytes, *, begins_at_once: bool) -> None:
    """Refuse a number of axes that ends the process, and voxels from another place, which ITK takes from anywhere.

    Args:
        header: its text.
        begins_at_once: whether there is nothing between the header and the voxels, or they are compressed.

    Raises:
        ValueError: there are not 1 to 9 axes, or something is between.
    """
    if not all(re.fullmatch(rb"[1-9]", number) for number in re.findall(rb"(?m)^\s*NDims\s*=\s*(.*?)\s*$", header)):
        raise ValueError("no number of axes")
    if begins_at_once and re.search(rb"(?m)^\s*HeaderSize\s*=\s*(?!(0|-1)\s*$)", header):
        raise ValueError("voxels that do not begin where they begin")


class _Compressed(NamedTuple):
    """How many bytes are stored, and how many they are when they are decompressed."""

    stored: int
    whole: int


def _compressed(data: Path, start: int, kind: Literal["nrrd", "metaimage"]) -> _Compressed:
    """Read compressed voxels to their end, and so compare their checksum: ITK gives what is wrong without a word.

    Raises:
        Exception: of zlib or gzip.
    """
    whole = 0
    with data.open("rb") as raw:
        raw.seek(start)
        if kind == "nrrd":
            with gzip.GzipFile(fileobj=raw) as stream:
                while chunk := stream.read(_CHUNK):
                    whole += len(chunk)
            return _Compressed(raw.tell() - start, whole)
        decompress, rest = zlib.decompressobj(), b""
        while not decompress.eof:
            if not (chunk := rest or raw.read(_CHUNK)):
                raise EOFError("the compressed voxels end early")
            whole += len(decompress.decompress(chunk, _CHUNK))
            rest = decompress.unconsumed_tail
        return _Compressed(raw.tell() - start - len(decompress.unused_data), whole)


def _check_told_size(header: bytes, stored: int, *, inside: bool) -> None:
    """Compare the length of compressed voxels with what MetaImage says: by another one ITK reads rubbish.

    Raises:
        ValueError: it is another; or the header does not say it, which only voxels in a file of their own allow.
    """
    told = [int(number) for number in re.findall(rb"(?m)^\s*CompressedDataSize\s*=\s*(\d+)\s*$", header)]
    if (told or [0])[-1] != stored and (inside or any(told)):
        raise ValueError("another length of the compressed voxels")


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
