"""Choose the one image series among the DICOM files of a folder."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from monai_sar.scans.content_hash import content_sha256
from monai_sar.scans.dicom_header import DicomFile, numbers, why_not_a_slice
from monai_sar.scans.scan import ScanError

__all__ = ["choose_series"]


def choose_series(
    files: Sequence[DicomFile], source: Path, *, series_uid: str | None
) -> tuple[list[DicomFile], list[str]]:
    """Return the files of one image series, and notes on what was left out.

    Left out are objects that are no slices (localizers, secondary captures, projections, colour, ...) and
    byte-for-byte copies. Among the series that remain: the named one; else the only one; else the only one
    with at least two slices, most of them of one size and orientation.

    Raises:
        ScanError: if no series remains, the named one is not there, or several could be meant (they are
        listed).
    """
    series: dict[str, list[DicomFile]] = defaultdict(list)
    reasons: Counter[str] = Counter()
    for file in files:
        reason = why_not_a_slice(file)
        if series_uid is not None and file.series_uid != series_uid:
            reasons["image or object of another series"] += 1
        elif reason is not None:
            reasons[reason] += 1
        else:
            series[file.series_uid].append(file)
    left_out = ", ".join(f"{count} x {reason}" for reason, count in sorted(reasons.items()))
    if not series:
        named = "" if series_uid is None else f" with SeriesInstanceUID {series_uid}"
        raise ScanError(
            f"{source}: holds no grey-scale slices of a scan{named} (found: {left_out}), expected a series "
            "of MR, CT or OPT slices with positions; give the folder or file of the image series."
        )
    chosen = _only_volume(series, source)
    notes = [f"left out: {left_out}"] if left_out else []
    notes += [f"left out: {_describe(other)}" for uid, other in sorted(series.items()) if uid != chosen]
    kept = _without_copies(series[chosen])
    if len(kept) < len(series[chosen]):
        notes.append(f"left out: {len(series[chosen]) - len(kept)} x identical copy of a file")
    if len(kept) > 1 and any(file.is_multi_frame for file in kept):
        raise ScanError(
            f"{source}: series {chosen} has {len(kept)} files of which at least one is multi-frame, expected "
            f"one such file; give one of the files, e.g. {min(file.path for file in kept)}."
        )
    return kept, notes


def _only_volume(series: dict[str, list[DicomFile]], source: Path) -> str:
    volumes = [uid for uid, files in series.items() if _is_volume(files)]
    candidates = volumes or list(series)
    if len(candidates) == 1:
        return candidates[0]
    listed = "; ".join(_describe(series[uid]) for uid in sorted(candidates))
    raise ScanError(f"{source}: holds {len(candidates)} image series, choose one with series_uid: {listed}.")


def _is_volume(files: Sequence[DicomFile]) -> bool:
    """Return whether there are two slices or more, most of one size and orientation (no 3-plane scout)."""
    if files[0].is_multi_frame:
        return files[0].frames > 1
    grids: Counter[tuple[float, ...]] = Counter()
    for file in files:
        directions = numbers(file.header, "ImageOrientationPatient", 6, file.path)
        rounded = () if directions is None else tuple((directions.round(1) + 0.0).tolist())  # no minus zero
        grids[(*file.size, *rounded)] += 1
    return len(files) > 1 and max(grids.values()) > len(files) / 2


def _describe(files: Sequence[DicomFile]) -> str:
    header, (rows, columns) = files[0].header, files[0].size
    slices = sum(file.frames for file in files)
    return (
        f"series {header.get('SeriesNumber') or '(no number)'}: {header.get('Modality') or 'no modality'}, "
        f"{slices} slice(s) of {columns} x {rows}, UID {files[0].series_uid or '(none)'}"
    )


def _without_copies(files: Sequence[DicomFile]) -> list[DicomFile]:
    """Drop files that share the SOP Instance UID and every byte with an earlier one."""
    shared = Counter(str(file.header.get("SOPInstanceUID")) for file in files)
    kept, seen = [], set()
    for file in sorted(files, key=lambda file: file.path):
        if shared[str(file.header.get("SOPInstanceUID"))] > 1:
            digest = content_sha256([file.path])
            if digest in seen:
                continue
            seen.add(digest)
        kept.append(file)
    return kept
