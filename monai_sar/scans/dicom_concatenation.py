"""Join the parts of an Enhanced image that was divided into several instances.

That is a concatenation, PS3.3 C.7.6.16.2.2.4:
https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.7.6.16.2.2.4.html
"""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from monai_sar.scans.dicom_header import DicomFile
from monai_sar.scans.scan import ScanError

__all__ = ["join_parts"]


def join_parts(files: Sequence[DicomFile], source: Path) -> tuple[list[DicomFile], list[str]]:
    """Return the parts of the one concatenation that these files are, in order, and notes.

    Args:
        files: all files of a series, of which one or more are parts.
        source: named in errors.

    Raises:
        ScanError: parts are missing or there twice, they do not say which part they are, or there are other files.
    """
    of = {str(file.header.get("ConcatenationUID") or "") for file in files}
    if len(of) > 1:
        raise ScanError(
            f"{source}: the series has {len(files)} files, some of them parts of an Enhanced image that was divided (a "
            f"concatenation), others not or of another one ({len(of)} images), expected one image; give the files of "
            "one."
        )
    numbers = [_whole(file, "InConcatenationNumber") for file in files]
    totals = {total for file in files if (total := _whole(file, "InConcatenationTotalNumber")) is not None}
    order = sorted(range(len(files)), key=lambda index: numbers[index] or 0)
    found = [number for index in order if (number := numbers[index]) is not None and number > 0]
    if len(found) < len(files) or len(set(found)) < len(files) or len(totals) > 1:
        raise ScanError(
            f"{source}: holds {len(files)} parts of an Enhanced image that was divided (a concatenation), which do not "
            f"say which parts they are (InConcatenationNumber: {_listed(found) or 'none'}); convert them with dcm2niix "
            "and give the NIfTI file."
        )
    total = totals.pop() if totals else None
    missing = sorted(set(range(1, (total or max(len(files), found[-1], 2)) + 1)) - set(found))
    if missing:
        raise ScanError(
            f"{source}: holds {'part' if len(found) == 1 else 'parts'} {_listed(found)} "
            f"({sum(file.frames for file in files)} frames) of {total or 'several'} of an Enhanced image that was "
            f"divided (a concatenation), expected all; missing: {_listed(missing)}. Give a folder with all parts."
        )
    parts = [files[index] for index in order]
    starts = accumulate((part.frames for part in parts[:-1]), initial=0)
    told = [_whole(part, "ConcatenationFrameOffsetNumber") for part in parts]
    fitting = all(offset in (None, start) for offset, start in zip(told, starts, strict=True))
    if not fitting or (total is not None and total < len(parts)):
        raise ScanError(
            f"{source}: the {len(parts)} parts of its Enhanced image (a concatenation) do not fit together: they say "
            "that there are fewer parts, or that other frames lie between them; export the series again."
        )
    unsure = "" if total else "; they do not say how many there are, so a last one that is missing would not be seen"
    return parts, [f"joined from {len(parts)} parts of a concatenation{unsure}"]


def _whole(file: DicomFile, keyword: str) -> int | None:
    value = file.header.get(keyword)
    return value if isinstance(value, int) else None


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:10])
    return f"{shown}, ..." if len(numbers) > 10 else shown
