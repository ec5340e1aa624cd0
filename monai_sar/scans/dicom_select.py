"""Choose the one image series among the DICOM files of a folder."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from monai_sar.scans.content_hash import content_sha256
from monai_sar.scans.dicom_concatenation import join_parts
from monai_sar.scans.dicom_header import DicomFile, identity, numbers, read_header, valid_uid
from monai_sar.scans.dicom_kind import why_not_a_slice
from monai_sar.scans.scan import ScanError

__all__ = ["choose_series"]

_LARGEST_NUMBER = 100_000
"""Series numbers below it are told."""


def choose_series(
    paths: Sequence[Path], source: Path, *, series_uid: str | None, modality: str | None
) -> tuple[list[DicomFile], list[str]]:
    """Return the files of one image series, parts of a concatenation in order, and notes on what was left out.

    Left out are objects that are no slices (localizers, secondary captures, projections, colour, ...) and
    byte-for-byte copies. Among the series that remain: the named one; else, if some are of the modality or do not say
    theirs, among those: the only one; else the only one with at least two slices, most of them of one size and
    orientation.

    Args:
        paths: DICOM files.
        source: the file or folder that was given.
        series_uid: Series Instance UID of the wanted series; a damaged file that is of another one is left out.
        modality: that is wanted, where there is a choice.

    Raises:
        ScanError: if a file is damaged, no series remains, the named one is not there, several could be meant (they are
            listed), or the files are not all of an image (some parts of a concatenation) or more (two exports of it).
    """
    series: dict[str, list[DicomFile]] = defaultdict(list)
    reasons: Counter[str] = Counter()
    for path in paths:
        try:
            file = read_header(path)
        except ScanError:
            own = identity(path)[0]
            if series_uid is None or own in ("", series_uid):
                raise
            reasons["damaged file of another series"] += 1
            continue
        if series_uid is not None and file.series_uid != series_uid:
            reasons["image or object of another series"] += 1
        elif (reason := why_not_a_slice(file)) is not None:
            reasons[reason] += 1
        else:
            series[file.series_uid].append(file)
    left_out = ", ".join(f"{count} x {reason}" for reason, count in sorted(reasons.items()))
    if not series:
        named = "" if series_uid is None else f" with SeriesInstanceUID {valid_uid(series_uid)}"
        raise ScanError(
            f"{source}: holds no grey-scale slices of a scan{named} (found: {left_out}), expected a series "
            "of MR, CT or OPT slices with positions; give the folder or file of the image series."
        )
    chosen = _only_volume(series, source, modality)
    notes = [f"left out: {left_out}"] if left_out else []
    notes += [f"left out: {_describe(other)}" for uid, other in sorted(series.items()) if uid != chosen]
    kept = _without_copies(series[chosen])
    if len(kept) < len(series[chosen]):
        notes.append(f"left out: {len(series[chosen]) - len(kept)} x identical copy of a file")
    _refuse_two_exports(kept, source)
    if any(file.is_concatenated for file in kept):
        parts, joined = join_parts(kept, source)
        return parts, [*notes, *joined]
    if len(kept) > 1 and any(file.is_multi_frame for file in kept):
        raise ScanError(
            f"{source}: the series has {len(kept)} files of which at least one is multi-frame, expected "
            f"one such file; give one of the files, e.g. {min(file.path for file in kept)}."
        )
    return kept, notes


def _refuse_two_exports(files: Sequence[DicomFile], source: Path) -> None:
    """Refuse instances that are there twice, at one place, with other bytes; identical copies were left out before."""
    seen: dict[tuple[str, ...], DicomFile] = {}
    for file in files:
        instance = str(file.header.get("SOPInstanceUID") or "")
        # careless anonymisation gives one UID to all slices; they lie at different places
        other = seen.setdefault((instance, str(file.header.get("ImagePositionPatient"))), file)
        if instance and other is not file:
            raise ScanError(
                f"{source}: {other.path.name} and {file.path.name} are the same instance (one SOPInstanceUID and "
                "position) with different bytes, as from two exports; keep the files of one export."
            )


def _only_volume(series: dict[str, list[DicomFile]], source: Path, modality: str | None) -> str:
    wanted = {uid: files for uid, files in series.items() if modality is None or {modality, None} & _modalities(files)}
    series = wanted or series
    volumes = [uid for uid, files in series.items() if _is_volume(files)]
    candidates = volumes or list(series)
    if len(candidates) == 1:
        return candidates[0]
    listed = "; ".join(_describe(series[uid]) for uid in sorted(candidates))
    raise ScanError(f"{source}: holds {len(candidates)} image series, choose one with series_uid: {listed}.")


def _is_volume(files: Sequence[DicomFile]) -> bool:
    """Return whether there are two slices or more, most of one size and orientation (no 3-plane scout)."""
    if files[0].is_concatenated:
        return sum(file.frames for file in files) > 1
    if files[0].is_multi_frame:
        return files[0].frames > 1
    grids: Counter[tuple[float, ...]] = Counter()
    for file in files:
        directions = numbers(file.header, "ImageOrientationPatient", 6, file.path)
        rounded = () if directions is None else tuple((directions.round(1) + 0.0).tolist())  # no minus zero
        grids[(*file.size, *rounded)] += 1
    return len(files) > 1 and max(grids.values()) > len(files) / 2


def _modalities(files: Sequence[DicomFile]) -> set[str | None]:
    return {file.modality for file in files}


def _describe(files: Sequence[DicomFile]) -> str:
    number, (rows, columns) = files[0].header.get("SeriesNumber"), files[0].size
    # longer ones may be dates
    told = number if isinstance(number, int) and 0 <= number < _LARGEST_NUMBER else "(no number)"
    slices = sum(file.frames for file in files)
    return (
        f"series {told}: {files[0].modality or 'no modality'}, {slices} slice(s) of {columns} x {rows}, "
        f"UID {valid_uid(files[0].series_uid)}"
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
