"""Where the voxels of an image come from: what its ``meta`` carries from the reader to the writers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from monai.data.meta_tensor import MetaTensor

from monai_sar.scans.scan import Scan

__all__ = [
    "FIELD_OF_VIEW",
    "SLICE_AXIS",
    "ScanOrigin",
    "add_note",
    "has_padding",
    "is_image_file",
    "read_notes",
    "read_slice_axis",
    "source_name",
]

SOURCE, SLICE_AXIS, NOTES, PADDED = "filename_or_obj", "slice_axis", "notes", "padded"

FIELD_OF_VIEW = "field_of_view"
"""Which part of the slices is encoded; see :class:`monai_sar.transforms.FieldOfView`."""


@dataclass(frozen=True)
class ScanOrigin:
    """What is known of a scan besides its voxels and their affine.

    It lies in ``image.meta`` as plain values, which survive a ``monai.data.DataLoader`` of batch size 1 and
    ``decollate_batch``. Read it with :meth:`of`, never by key.

    Attributes:
        source: the path that was given (``meta["filename_or_obj"]``, as MONAI calls it).
        kind: the family of formats it came from.
        modality: DICOM modality code; None where the file does not say.
        slice_axis: spatial axis (0, 1 or 2) of the array along which the slices were acquired.
        sha256: of the bytes that were read.
        instances: DICOM: the file of every slice, or the one multi-frame file; else empty.
        frame_numbers: multi-frame DICOM: 1-based frame number of every slice; else empty.
        notes: what a reader should know (localizers left out, ...).
        stored_max: image files: the largest value that their type can store; None for others.
        two_values: whether it is a volume of two values, as a mask is.
        volume: of a file with several volumes, which one it is, counted from 0; None for others.
    """

    source: Path
    kind: Literal["nifti", "volume", "dicom", "slices"]
    modality: str | None
    slice_axis: int
    sha256: str
    instances: tuple[Path, ...]
    frame_numbers: tuple[int, ...]
    notes: tuple[str, ...]
    stored_max: float | None
    two_values: bool
    volume: int | None

    @classmethod
    def of(cls, image: MetaTensor) -> "ScanOrigin":
        """What an image carries that :class:`monai_sar.transforms.LoadScan` loaded, or a map that was made of it.

        Raises:
            ValueError: it was not loaded so.
        """
        meta: dict[str, Any] = image.meta
        if missing := {"kind", "modality", "sha256", "instances", "frame_numbers", SLICE_AXIS, SOURCE} - meta.keys():
            raise ValueError(
                f"The image does not say where it comes from ({', '.join(sorted(missing))}); load it with LoadScan."
            )
        return cls(
            source=Path(meta[SOURCE]),
            kind=meta["kind"],
            modality=meta["modality"] or None,
            slice_axis=int(meta[SLICE_AXIS]),
            sha256=meta["sha256"],
            # decollating turns an empty list into None
            instances=tuple(map(Path, meta["instances"] or ())),
            frame_numbers=tuple(map(int, meta["frame_numbers"] or ())),
            notes=read_notes(image),
            stored_max=meta.get("stored_max"),
            two_values=bool(meta.get("two_values")),
            volume=None if meta.get("volume") is None else int(meta["volume"]),
        )

    @staticmethod
    def record(scan: Scan) -> None:
        """Put what is known of a scan into the ``meta`` of its image."""
        scan.image.meta.update(
            {
                SOURCE: str(scan.source),
                "kind": scan.kind,
                "modality": scan.modality or "",  # None cannot be collated
                SLICE_AXIS: scan.slice_axis,
                "sha256": scan.sha256,
                "instances": [str(file) for file in scan.instances],
                "frame_numbers": list(scan.frame_numbers),
                NOTES: list(scan.notes),
                "two_values": scan.two_values,
            }
        )
        if scan.padded:
            scan.image.meta[PADDED] = True
        for key in ("stored_max", "volume"):
            if (value := getattr(scan, key)) is not None:  # None cannot be collated
                scan.image.meta[key] = value


def add_note(image: MetaTensor, note: str) -> None:
    """Add what the report of a scan should say."""
    image.meta[NOTES] = [*read_notes(image), note]


def read_notes(image: MetaTensor) -> tuple[str, ...]:
    """What the report of a scan should say; nothing for an image that was not read from a file."""
    return tuple(image.meta.get(NOTES) or ())


def is_image_file(volume: MetaTensor) -> bool:
    """Tell whether it was read from image files, which know no spacing of their own."""
    return bool(volume.meta.get("kind") == "slices")


def has_padding(volume: MetaTensor) -> bool:
    """Tell whether some voxels are not part of the image; they have the lowest value."""
    return bool(volume.meta.get(PADDED, False))


def read_slice_axis(volume: MetaTensor) -> int | None:
    """Along which axis the slices were acquired; None for a volume that does not say."""
    axis = volume.meta.get(SLICE_AXIS)
    return None if axis is None else int(axis)


def source_name(volume: Any, otherwise: str) -> str:
    """The file that a volume was read from, for a message; ``otherwise`` where it was not read from one."""
    return str(getattr(volume, "meta", {}).get(SOURCE, otherwise))
