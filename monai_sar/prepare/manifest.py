"""The manifest of a prepared data set: where each slice comes from."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from monai_sar._atomic import atomic_path

__all__ = ["ManifestRow", "read_rows", "write_rows"]


@dataclass(frozen=True)
class ManifestRow:
    """One slice.

    Attributes:
        file: its path below the data set's root, with ``/``.
        split: train, valid or test.
        anomaly_class: good or Ungood; the column is called "class".
        patient: the same for all slices of a patient.
        source: the file it was read from, below the raw data set's root.
        slice: its index along the slices of the source's own array, from 0.
        source_sha256: of that file.
        lesion_pixels: of its mask.
    """

    file: str
    split: str
    anomaly_class: str
    patient: str
    source: str
    slice: int
    source_sha256: str
    lesion_pixels: int


_COLUMNS = {field.name: field.name.removeprefix("anomaly_") for field in fields(ManifestRow)}


def write_rows(path: Path, rows: Iterable[ManifestRow]) -> None:
    """Write a CSV table with a header, whole or not at all."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(_COLUMNS.values())
        table.writerows(asdict(row).values() for row in rows)


def read_rows(path: Path) -> Iterator[ManifestRow]:
    """Read what :func:`write_rows` wrote."""
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            values = {name: row[column] for name, column in _COLUMNS.items()}
            numbers = {"slice": int(values.pop("slice")), "lesion_pixels": int(values.pop("lesion_pixels"))}
            yield ManifestRow(**values, **numbers)  # type: ignore[arg-type]
