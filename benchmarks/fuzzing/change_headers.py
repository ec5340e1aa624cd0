"""Headers of volumes and images that say something else, and are sound in all other ways: checksums are made anew."""

import gzip
import re
import struct
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.freesurfer.mghformat import MGHHeader

from benchmarks.fuzzing.strange_values import number_bytes, text

__all__ = ["analyze", "bmp", "mgh", "nifti1", "nifti2", "png", "text_header", "tiff"]

Changed = tuple[bytes, str]


def _of_fields(dtype: Any, *, big_endian: bool = False) -> Callable[[bytes, Random], Changed]:
    """Change one number or text of a header of fixed places, compressed with gzip or not."""
    fields = [(name, kind, offset) for name, (kind, offset, *_) in dtype.fields.items()]

    def change(content: bytes, random: Random) -> Changed:
        compressed = content.startswith(b"\x1f\x8b")
        changed = bytearray(gzip.decompress(content) if compressed else content)
        name, kind, offset = random.choice(fields)
        base, count = kind.base, int(np.prod(kind.shape, dtype=int))
        at = offset + random.randrange(count) * base.itemsize
        if base.kind == "S":
            value = text(random).encode(errors="replace")[: base.itemsize].ljust(base.itemsize, b"\0")
        else:
            value = number_bytes(random, base.itemsize, real=base.kind == "f", big_endian=big_endian)
        changed[at : at + base.itemsize] = value
        return gzip.compress(changed, mtime=0) if compressed else bytes(changed), f"{name} = {value[:20]!r}"

    return change


nifti1 = _of_fields(nib.nifti1.Nifti1Header.template_dtype)
nifti2 = _of_fields(nib.nifti2.Nifti2Header.template_dtype)
analyze = _of_fields(nib.analyze.AnalyzeHeader.template_dtype)
mgh = _of_fields(MGHHeader.template_dtype, big_endian=True)


def text_header(content: bytes, random: Random) -> Changed:
    """Change a line of the header of NRRD or MetaImage."""
    end = re.search(rb"\n\n|ElementDataFile.*?\n", content)
    size = len(content) if end is None else end.end()
    lines, voxels = content[:size].splitlines(keepends=True), content[size:]
    at = random.randrange(len(lines))
    key = re.match(rb"[\w ]+(:=|:| =)\s*", lines[at])
    value = random.choice((text(random).encode(errors="surrogatepass"), number_bytes(random, 4, real=False)))
    kind = random.choice(("value", "value", "value", "gone", "twice", "number", "swap"))
    if kind == "value" and key is not None:
        lines[at] = key[0] + value + b"\n"
    elif kind == "number":
        number = str(random.choice((0, -1, 2, 7, 1000, 30_000, 2**31, 10**12, 1e30, "nan"))).encode()
        lines[at] = re.sub(rb"-?\d+(\.\d+)?", number, lines[at], count=random.choice((1, 0)))
    elif kind == "twice":
        lines.insert(at, lines[random.randrange(len(lines))])
    elif kind == "swap":
        random.shuffle(lines)
    else:
        del lines[at]
    return b"".join(lines) + voxels, f"{kind} in line {at}: {lines[min(at, len(lines) - 1)][:60]!r}"


def png(content: bytes, random: Random) -> Changed:
    """Change a chunk of PNG, or their order."""
    chunks, at = [], 8
    while at < len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    which = random.randrange(len(chunks))
    kind, data = chunks[which]
    change = random.choice(("byte", "number", "gone", "twice", "new", "bigger"))
    if change == "gone":
        del chunks[which]
    elif change == "twice":
        chunks.insert(random.randrange(len(chunks)), (kind, data))
    elif change == "new":
        name = random.choice((b"tRNS", b"PLTE", b"eXIf", b"acTL", b"fcTL", b"iTXt", b"zTXt", b"gAMA", b"iCCP", b"QQQQ"))
        filled = random.choice((b"", bytes(20), zlib.compress(bytes(5_000_000)), text(random).encode(errors="replace")))
        chunks.insert(random.randrange(1, len(chunks)), (name, b"x\0\0" * (name in (b"zTXt", b"iCCP")) + filled))
    elif change == "bigger":
        edges = struct.pack(">II", *(random.choice((0, 1, 20, 10_000, 2**31 - 1, 2**32 - 1)) for _ in range(2)))
        chunks[0] = (chunks[0][0], edges + chunks[0][1][8:])
    elif data:
        place = random.randrange(len(data))
        value = number_bytes(random, 1 if change == "byte" else 4, real=False, big_endian=True)
        chunks[which] = (kind, data[:place] + value + data[place + len(value) :])
    stored = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return content[:8] + stored, f"{change} in chunk {which} {kind!r}"


def tiff(content: bytes, random: Random) -> Changed:
    """Change an entry of the first directory of little-endian TIFF."""
    changed = bytearray(content)
    (directory,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, directory)
    entry = directory + 2 + 12 * random.randrange(count)
    place, size = random.choice(((0, 2), (2, 2), (4, 4), (8, 4), (8, 4)))
    changed[entry + place : entry + place + size] = number_bytes(random, size, real=False)
    (tag,) = struct.unpack_from("<H", content, entry)
    return bytes(changed), f"tag {tag}, byte {place}"


def bmp(content: bytes, random: Random) -> Changed:
    """Change a number of the header of BMP."""
    changed, at = bytearray(content), random.randrange(2, 54, 2)
    changed[at : at + 4] = number_bytes(random, 4, real=False)
    return bytes(changed), f"number at {at}"
