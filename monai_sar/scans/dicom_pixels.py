"""Decode DICOM frames of any transfer syntax to modality units."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import FileDataset
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_modality_lut
from pydicom.pixels.utils import iter_pixels

from monai_sar.scans.dicom_header import read_dataset
from monai_sar.scans.scan import ScanError, reading

__all__ = ["read_frames", "read_pixel_data"]

_PIXEL_KEYWORDS = [
    "SOPClassUID", "Modality", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel",
    "PhotometricInterpretation", "PlanarConfiguration", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence",
    "ExtendedOffsetTable", "ExtendedOffsetTableLengths", "PixelData",
]  # fmt: skip

_ENDS_WITH_MARKER = {*uid.JPEGTransferSyntaxes, *uid.JPEGLSTransferSyntaxes, *uid.JPEG2000TransferSyntaxes}
"""Codestreams that end with the marker FF D9 (ITU-T T.81 B.2.1, T.87 C.1.1, T.800 A.4.4)."""

_PLUGINS = ("pydicom", "pyjpegls", "pylibjpeg")
"""Decoders in the order of preference. Not GDCM: damaged JPEG-LS makes it abort the whole process."""

_PACKAGES = "pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg pyjpegls"


def read_pixel_data(path: Path) -> FileDataset:
    """Read the elements of a file that describe and hold its pixels.

    Raises:
        ScanError: if there are none, or they end early.
    """
    dataset = read_dataset(path, _PIXEL_KEYWORDS)
    if not dataset.get("PixelData"):
        raise ScanError(
            f"{path}: its pixel data is missing or ends early, so the file is not whole; copy or export it again."
        )
    return dataset


def read_frames(
    dataset: FileDataset, path: Path, frames: Sequence[int], rescale: Sequence[tuple[float, float]]
) -> Iterator[NDArray[np.float32]]:
    """Yield frames ``[rows, columns]`` in modality units, one at a time.

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
    decoded = iter_pixels(dataset, raw=True, indices=list(frames), decoding_plugin=_plugin(syntax, path))
    for slope, intercept in rescale:
        with reading(path, f"{syntax.name} pixel data"):
            stored = next(decoded)
        if inverted:
            stored = _turned_round(stored, dataset)
        if "ModalityLUTSequence" in dataset:
            yield apply_modality_lut(stored, dataset).astype(np.float32)
        else:
            yield (stored * np.float64(slope) + intercept).astype(np.float32)


def _plugin(syntax: uid.UID, path: Path) -> str:
    """Return the name of pydicom's plugin that decodes a transfer syntax; empty for uncompressed ones."""
    if syntax in uid.UncompressedTransferSyntaxes:
        return ""
    try:
        available = get_decoder(syntax).available_plugins
    except NotImplementedError:
        raise ScanError(f"{path}: no decoder is known for {syntax.name}; convert the file to another one.") from None
    for plugin in _PLUGINS:
        if plugin in available:
            return plugin
    raise ScanError(f"{path}: the decoder for {syntax.name} is not installed; pip install {_PACKAGES}.")


def _turned_round(stored: NDArray[np.generic], dataset: FileDataset) -> NDArray[np.generic]:
    """Mirror values within the range of Bits Stored: the least becomes the most."""
    lowest_plus_highest = -1 if dataset.PixelRepresentation == 1 else 2**dataset.BitsStored - 1
    return np.asarray(lowest_plus_highest - stored.astype(np.int64))


def _check_whole(dataset: FileDataset, syntax: uid.UID, path: Path) -> None:
    """Refuse JPEG-family frames without an end marker: decoders of JPEG lossless fill the rest silently."""
    if syntax not in _ENDS_WITH_MARKER:
        return
    count = int(dataset.get("NumberOfFrames") or 1)
    offsets = None
    if "ExtendedOffsetTable" in dataset:
        offsets = (dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths)
    with reading(path, "compressed pixel data"):
        frames = generate_frames(dataset.PixelData, number_of_frames=count, extended_offsets=offsets)
        ends = [frame.rstrip(b"\x00\xff").endswith(b"\xff\xd9") for frame in frames]
    if len(ends) != count or not all(ends):
        broken = ends.index(False) + 1 if False in ends else len(ends)
        raise ScanError(
            f"{path}: {syntax.name} data of frame {broken} ends early ({len(ends)} of {count} frames found); "
            "the file is truncated, so copy or export it again."
        )
