"""Write all cases of a data set: what is there already stays, what fails is named, the rest goes on."""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_sar._progress import progress_bar
from monai_sar.datasets.bmad_layouts import CLASSES, SPLITS
from monai_sar.prepare.case import Case, LabelledSlice
from monai_sar.prepare.manifest import ManifestRow
from monai_sar.prepare.output_folder import OutputFolder
from monai_sar.prepare.slice_png import class_of, remove_slices, write_slice

__all__ = ["PrepareReport", "prepare_cases"]

_LOGGER = logging.getLogger(__name__)

FORMAT = 1
"""Raised when the same raw data would give other files, so that a folder never holds two kinds."""


@dataclass(frozen=True)
class PrepareReport:
    """What a run has done.

    Attributes:
        root: the data set.
        written: number of scans that this run wrote; 0 if all were there.
        failed: one sentence for each scan that could not be read: what, why, and what to do.
        slices: number of slices for each split and class, of this run and earlier ones.
        patients: number of patients for each split.
    """

    root: Path
    written: int
    failed: tuple[str, ...]
    slices: Mapping[tuple[str, str], int]
    patients: Mapping[str, int]

    def __str__(self) -> str:
        lines = [f"{self.root}: BMAD layout A"]
        for split in SPLITS:
            kinds = CLASSES[:1] if split == "train" else CLASSES
            counts = " + ".join(f"{self.slices[split, kind]} {kind}" for kind in kinds)
            lines.append(f"  {split}: {counts} slices of {self.patients[split]} patients")
        return "\n".join(lines)


def prepare_cases(
    cases: Sequence[Case],
    read: Callable[[Case], Sequence[LabelledSlice]],
    output: Path,
    *,
    settings: Mapping[str, Any],
) -> PrepareReport:
    """Write the slices of all cases, and then the manifest.

    A case is read whole before any of it is written. One that cannot be read is named and left out; the manifest
    then lists the others, and the next call tries it again.

    Args:
        cases: in the order of the manifest.
        read: returns the slices of a case; of those for training, the ones that show a lesion are left out.
        output: the folder of the data set.
        settings: what makes the data set what it is; which cases there are is added.

    Raises:
        FolderInUseError: the folder holds something else.
        OSError: the folder cannot be written to.
    """
    # with other cases the draw of the splits is another one, and a patient could end up in two
    listed = "\n".join(f"{case.name} {case.patient} {case.split}" for case in cases)
    digest = hashlib.sha256(listed.encode()).hexdigest()
    folder = OutputFolder(output, {"format": FORMAT, **settings, "scans": len(cases), "scans_sha256": digest})
    if folder.is_finished:
        return _report(folder, written=0, failed=[])
    missing = [case for case in cases if not folder.is_done(case)]
    remove_slices(output, missing)
    failed = []
    for case in progress_bar(missing, task="Preparing scans", unit="scan"):
        try:
            pieces = read(case)
        except (ValueError, OSError) as error:  # one scan must not end the others
            reason = " ".join(str(error).split())
            failed.append(reason if str(case.root) in reason else f"{case.image}: {reason}")
        else:
            folder.finish_case(case, _write(output, case, pieces))
    folder.write_manifest(cases)
    return _report(folder, written=len(missing) - len(failed), failed=failed)


def _write(root: Path, case: Case, pieces: Sequence[LabelledSlice]) -> list[ManifestRow]:
    wanted = [piece for piece in pieces if case.split != "train" or class_of(piece) == "good"]
    return [
        ManifestRow(
            file=write_slice(root, case, piece).relative_to(root).as_posix(),
            split=case.split,
            anomaly_class=class_of(piece),
            patient=case.patient,
            source=piece.source.relative_to(case.root).as_posix(),
            slice=piece.index,
            source_sha256=piece.sha256,
            lesion_pixels=int(piece.lesion.sum()),
        )
        for piece in wanted
    ]


def _report(folder: OutputFolder, *, written: int, failed: Sequence[str]) -> PrepareReport:
    rows = folder.rows()
    slices = Counter((row.split, row.anomaly_class) for row in rows)
    patients = Counter(split for split, _ in {(row.split, row.patient) for row in rows})
    for place in [("train", "good"), *((split, kind) for split in SPLITS[1:] for kind in CLASSES)]:
        if not slices[place]:
            _LOGGER.warning("%s: has no %s slices in %s; another seed draws other patients", folder.root, *place[::-1])
    return PrepareReport(folder.root, written, tuple(failed), slices, patients)
