"""DICOM whose elements say something else, or whose series lacks or doubles files."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from random import Random

import pydicom
from pydicom import uid
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from benchmarks.fuzzing.change_bytes import damaged
from benchmarks.fuzzing.strange_values import number_bytes, text

__all__ = ["change_element", "change_files"]

_VRS = ("AS", "CS", "DS", "FD", "FL", "IS", "LO", "OB", "OW", "PN", "SQ", "SS", "UI", "UL", "UN", "US", "UT")
_IN_BYTES = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "FL": 4, "FD": 8}
_SYNTAXES = (
    uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian, uid.RLELossless,
    uid.JPEGLSLossless, uid.JPEG2000, uid.JPEGBaseline8Bit, uid.UID("1.2.3"), uid.UID(""),
)  # fmt: skip


def change_element(content: bytes, random: Random) -> tuple[bytes, str]:
    """Change an element of a data set, wherever it is nested, or of the meta header."""
    dataset = pydicom.dcmread(BytesIO(content))
    if random.random() < 0.05:
        dataset.file_meta.TransferSyntaxUID = random.choice(_SYNTAXES)
        stored = BytesIO()
        pydicom.dcmwrite(stored, dataset, implicit_vr=False, little_endian=True, force_encoding=True)
        return stored.getvalue(), f"transfer syntax {dataset.file_meta.TransferSyntaxUID}"
    places = [place for place in _places(dataset) if place[1] != 0x7FE00010]
    described = [place for place in places if place[1].group in (0x0028, 0x0020, 0x5200, 0x0018)]
    holder, tag = random.choice(random.choice((places, described)))
    element = holder[tag]
    kind = random.choice(("value", "value", "value", "gone", "representation", "several"))
    if kind == "gone":
        del holder[tag]
    elif element.VR == "SQ":
        items = list(element.value)
        items = random.choice((items[:-1], items + items[:1], items[1:], [], [Dataset()], items * 300))
        element.value = items
        kind = f"{len(items)} items"
    else:
        representation = random.choice(_VRS) if kind == "representation" else element.VR
        if size := _IN_BYTES.get(representation):
            value = number_bytes(random, size, real=representation in ("FL", "FD"))
            value *= random.choice((0, 2, 3)) if kind == "several" else 1
        else:
            value = text(random).encode(errors="replace")[:65534]
            value = b"\\".join([value[:60]] * 3) if kind == "several" else value
        value += b" " * (len(value) % 2)
        holder[tag] = RawDataElement(tag, representation, len(value), value, 0, False, True)
        kind = f"{representation} {value[:20]!r}"
    stored = BytesIO()
    pydicom.dcmwrite(stored, dataset, implicit_vr=False, little_endian=True, force_encoding=True)
    return stored.getvalue(), f"{pydicom.datadict.keyword_for_tag(tag)}: {kind}"


def change_files(folder: Path, random: Random) -> str:
    """Change which files are in the folder of a series."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    if not files:
        return "nothing left"
    file, other = random.choice(files), random.choice(files)
    kind = random.choice(("gone", "copy", "other copy", "over", "junk", "empty", "cut copy"))
    if kind == "gone":
        file.unlink()
    elif kind == "copy":
        content = file.read_bytes()
        (folder / "copy.dcm").write_bytes(content)
    elif kind == "other copy":
        (folder / "copy").write_bytes(damaged(file.read_bytes(), random)[0])
    elif kind == "over":
        content = other.read_bytes()
        file.write_bytes(content)
    elif kind == "junk":
        (folder / random.choice(("notes.txt", "x.dcm", "y.png", "DICOMDIR", ".hidden"))).write_bytes(
            random.randbytes(300)
        )
    elif kind == "empty":
        file.write_bytes(b"")
    else:
        content = file.read_bytes()
        (folder / "cut.dcm").write_bytes(content[: random.randrange(len(content) + 1)])
    return f"{kind} {file.name}"


def _places(dataset: Dataset) -> Iterator[tuple[Dataset, BaseTag]]:
    for element in dataset:
        yield dataset, element.tag
        if element.VR == "SQ":
            for item in element.value[:2]:
                yield from _places(item)
