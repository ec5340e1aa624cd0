"""Read a file, compressed or not, so that damage anywhere in it is seen."""

import gzip
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BufferedIOBase
from math import prod
from pathlib import Path

from monai_sar.scans.scan import ScanError

__all__ = ["check_size", "is_gzip", "whole_file"]

_MOST_EXPANSION = 1032
"""Deflate makes at most so much of a byte (RFC 1951: 258 bytes of two bits)."""

_GZIP = b"\x1f\x8b"


def is_gzip(path: Path) -> bool:
    """Tell by its first bytes whether a file is compressed with gzip."""
    with path.open("rb") as stream:
        return stream.read(2) == _GZIP


@contextmanager
def whole_file(path: Path) -> Iterator[BufferedIOBase]:
    """Open a file, and decompress it if it is gzip, whatever its name says.

    What is left unread is read at the end, because gzip's checksum of all comes last (RFC 1952).

    Raises:
        OSError: at the end: the checksum, or the length, is not that of what was read.
    """
    with path.open("rb") as raw:
        if not is_gzip(path):
            yield raw
            return
        with gzip.GzipFile(fileobj=raw) as stream:
            yield stream
            while stream.read(1 << 20):
                pass


def check_size(path: Path, shape: Sequence[int], bytes_per_voxel: int, *, data: Path, compressed: bool) -> None:
    """Refuse a header that describes more voxels than can be there, before memory is taken for them.

    Args:
        path: the file with the header, for the message.
        shape: voxels along each axis.
        bytes_per_voxel: as stored.
        data: the file with the voxels.
        compressed: whether they are.

    Raises:
        ScanError: the file, or the memory of this machine, cannot hold them.
    """
    voxels = prod(int(size) for size in shape)  # as Python's own numbers, which do not overflow
    stored = data.stat().st_size
    described = f"{' x '.join(map(str, shape))} voxels ({_size(voxels * bytes_per_voxel)})"
    if voxels * bytes_per_voxel > stored * (_MOST_EXPANSION if compressed else 1):
        raise ScanError(
            f"{path}: cannot be read: its header describes {described}, and {data.name} has {_size(stored)}; the "
            "file is truncated or damaged, so copy or export it again."
        )
    memory = _memory()
    if memory is not None and voxels * 4 > memory:  # float32
        raise ScanError(
            f"{path}: its header describes {described}, which take {_size(voxels * 4)} of memory; this machine has "
            f"{_size(memory)}. Crop it, or write it with fewer voxels."
        )


def _size(number: float) -> str:
    for unit in ("bytes", "KB", "MB", "GB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:,.0f} TB" if number >= 10 else f"{number:.3g} TB"


def _memory() -> int | None:
    """Bytes of memory of this machine; None where the system does not say so in POSIX's way."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
