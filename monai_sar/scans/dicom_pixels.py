"""Decode DICOM frames of any transfer syntax to modality units."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import FileDataset
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_modality_lut
from pydicom.pixels.utils import iter_pixels

from monai_sar.scans.dicom_header import reaches_pixels, read_dataset
from monai_sar.scans.scan import ScanError, reading

__all__ = ["read_frames", "read_pixel_data"]

_DESCRIPTION = ["Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "PixelRepresentation"]
"""Without these pixels cannot be decoded (PS3.3 C.7.6.3)."""

_PIXEL_KEYWORDS = [
    "SOPClassUID", "Modality", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel",
    "PhotometricInterpretation", "PlanarConfiguration", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence",
    "ExtendedOffsetTable", "ExtendedOffsetTableLengths", "PixelData", "PixelPaddingValue", "PixelPaddingRangeLimit",
]  # fmt: skip

_ENDS_WITH_MARKER = {*uid.JPEGTransferSyntaxes, *uid.JPEGLSTransferSyntaxes, *uid.JPEG2000TransferSyntaxes}
"""Codestreams that end with the marker FF D9 (ITU-T T.81 B.2.1, T.87 C.1.1, T.800 A.4.4)."""

_LOST = bytes(512)
"""A sector of a disk that was lost. JPEG 2000 has no checksum, and decoders make a wrong picture of it without a word.
OpenJPEG wrote at most 11 zeros in a row, of an empty picture in 30 layers too."""

_MOST_EXPANSION_OF_RLE = 64
"""RLE makes at most 128 bytes of two (PS3.5 G.3.1)."""

_PLUGINS = ("pydicom", "pyjpegls", "pylibjpeg")
"""Decoders in the order of preference. Not GDCM: damaged JPEG-LS makes it abort the whole process."""

_DAMAGED = "Invalid JPEG-LS stream"
"""What pyjpegls says of damaged bytes. pylibjpeg would decode them, to nonsense (396 of 400 damaged streams)."""

_PACKAGES = "pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg pyjpegls"


def read_pixel_data(path: Path) -> FileDataset:
    """Read the elements of a file that describe and hold its pixels.

    Raises:
        ScanError: if there are none, or they end early.
    """
    dataset = read_dataset(path, _PIXEL_KEYWORDS)
    if not dataset.get("PixelData"):
        found = "pixel data ends early" if reaches_pixels(path) else "header is whole, but no pixel data follows"
        raise ScanError(f"{path}: its {found}, so there is no picture in it; copy or export it again.")
    if missing := [keyword for keyword in _DESCRIPTION if dataset.get(keyword) is None]:
        raise ScanError(
            f"{path}: its header has no {', '.join(missing)}, without which its pixels cannot be decoded; export it "
            "again with its whole header."
        )
    return dataset


def read_frames(
    dataset: FileDataset, path: Path, frames: Sequence[int], rescale: Sequence[tuple[float, float]]
) -> Iterator[NDArray[np.float32]]:
    """Yield frames ``[rows, columns]`` in modality units, one at a time; NaN where a pixel holds Pixel Padding Value.

    MONOCHROME1 is inverted within the stored range, so that more is brighter, except in CT: there rescaled
    values are HU, and the photometric interpretation says only how to display them (PS3.3 C.7.6.3.1.2).

    Args:
        dataset: from :func:`read_pixel_data`.
        path: named in errors.
        frames: 0-based frame numbers, in the order wanted.
        rescale: slope and intercept for each of ``frames``.

    Raises:
        ScanError: if a frame is truncated, damaged or in a compression that cannot be decoded here.
    """
    syntax = uid.UID(dataset.file_meta.TransferSyntaxUID)
    _check_whole(dataset, syntax, path)
    inverted = dataset.get("PhotometricInterpretation") == "MONOCHROME1" and dataset.get("Modality") != "CT"
    limits = _padding_limits(dataset, path)
    for stored, (slope, intercept) in zip(_stored(dataset, syntax, path, frames), rescale, strict=True):
        is_padding = None if limits is None else (stored >= limits[0]) & (stored <= limits[1])
        if inverted:
            stored = _turned_round(stored, dataset)
        if "ModalityLUTSequence" in dataset:
            values = apply_modality_lut(stored, dataset).astype(np.float32)
        else:
            values = (stored * np.float64(slope) + intercept).astype(np.float32)
        yield values if is_padding is None else np.where(is_padding, np.float32(np.nan), values)


def _stored(dataset: FileDataset, syntax: uid.UID, path: Path, frames: Sequence[int]) -> Iterator[NDArray[Any]]:
    """Yield frames as stored. Where a decoder does not know a variant of JPEG-LS, the next one goes on."""
    plugins = _plugins(syntax, path)
    done = 0
    for plugin in plugins:
        decoded = iter_pixels(dataset, raw=True, indices=list(frames[done:]), decoding_plugin=plugin)
        while done < len(frames):
            with reading(path, f"{syntax.name} pixel data"):
                try:
                    stored = next(decoded)
                except Exception as error:
                    if syntax not in _ENDS_WITH_MARKER:
                        raise
                    damaged = _DAMAGED in str(error)
                    break
            yield stored
            done += 1
        else:
            return
        if damaged:
            break
    raise ScanError(
        f"{path}: frame {frames[done] + 1} cannot be decoded from {syntax.name} by what is installed "
        f"({', '.join(plugins)}); convert the file to uncompressed DICOM, e.g. with gdcmconv --raw or dcmdjpeg, or "
        "copy it again if it is damaged."
    )


def _plugins(syntax: uid.UID, path: Path) -> list[str]:
    """Return the names of pydicom's plugins that decode a transfer syntax; one without a name for uncompressed ones."""
    if syntax in uid.UncompressedTransferSyntaxes:
        return [""]
    name = syntax.name if syntax.name != syntax else "its unknown transfer syntax"
    try:
        available = get_decoder(syntax).available_plugins
    except NotImplementedError:
        raise ScanError(f"{path}: no decoder is known for {name}; convert the file to another one.") from None
    if plugins := [plugin for plugin in _PLUGINS if plugin in available]:
        return plugins
    raise ScanError(f"{path}: the decoder for {name} is not installed; pip install {_PACKAGES}.")


def _padding_limits(dataset: FileDataset, path: Path) -> tuple[int, int] | None:
    """Return the range of stored values that are padding: Pixel Padding Value, perhaps to Pixel Padding Range Limit."""
    found = [dataset.get(keyword) for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    if found[0] in (None, ""):
        return None
    with reading(path, "DICOM with a Pixel Padding Value"):
        # a number of 16 bits, to be read as pixels are: -2000 is written as 63536 too
        values = [int(value) % 2**16 for value in found if value not in (None, "")]
        if dataset.PixelRepresentation == 1:
            values = [value - 2**16 if value >= 2**15 else value for value in values]
    return min(values), max(values)


def _turned_round(stored: NDArray[np.generic], dataset: FileDataset) -> NDArray[np.generic]:
    """Mirror values within the range of Bits Stored: the least becomes the most."""
    lowest_plus_highest = -1 if dataset.PixelRepresentation == 1 else 2**dataset.BitsStored - 1
    return np.asarray(lowest_plus_highest - stored.astype(np.int64))


def _check_whole(dataset: FileDataset, syntax: uid.UID, path: Path) -> None:
    """Refuse RLE of too many pixels, and JPEG-family frames without end marker, or with a gap: decoders fill them."""
    with reading(path, "DICOM"):
        count = int(dataset.get("NumberOfFrames") or 1)
        described = int(dataset.Rows) * int(dataset.Columns) * count
    if syntax == uid.RLELossless and described > _MOST_EXPANSION_OF_RLE * len(dataset.PixelData):
        raise ScanError(
            f"{path}: its header describes {described} pixels, more than {len(dataset.PixelData)} bytes of "
            f"{syntax.name} hold; the file is truncated or damaged, so copy or export it again."
        )
    if syntax not in _ENDS_WITH_MARKER:
        return
    offsets = None
    if "ExtendedOffsetTable" in dataset:
        offsets = (dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths)
    with reading(path, "compressed pixel data"):
        frames = generate_frames(dataset.PixelData, number_of_frames=count, extended_offsets=offsets)
        streams = [frame.rstrip(b"\x00\x20\xff") for frame in frames]
    ends = [stream.endswith(b"\xff\xd9") for stream in streams]
    if len(ends) != count or not all(ends):
        broken = ends.index(False) + 1 if False in ends else len(ends)
        raise ScanError(
            f"{path}: {syntax.name} data of frame {broken} ends early ({len(ends)} of {count} frames found); "
            "the file is truncated, so copy or export it again."
        )
    if syntax in uid.JPEG2000TransferSyntaxes and any(_LOST in stream for stream in streams):
        raise ScanError(
            f"{path}: {syntax.name} data of frame {[_LOST in stream for stream in streams].index(True) + 1} holds "
            f"{len(_LOST)} zero bytes in a row or more, as where a part of a file was lost; copy or export it again."
        )
