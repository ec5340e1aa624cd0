"""The folder of a data set in the making: whose it is, what is done, what is not."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_sar.datasets.bmad_layouts import SPLITS
from monai_sar.datasets.patients import MANIFEST
from monai_sar.datasets.settings_file import FolderInUseError, settings_differences, write_settings
from monai_sar.prepare.case import Case
from monai_sar.prepare.manifest import ManifestRow, read_rows, write_rows

__all__ = ["OutputFolder"]

SETTINGS = "prepare.json"
DONE = ".prepared"


class OutputFolder:
    """A folder claimed for one data set of given settings.

    ``prepare.json`` holds the settings from the start; ``.prepared`` one table for each case that is done, so that
    a run that was killed can go on; ``manifest.csv`` is written last.

    Args:
        root: the folder; created if it is missing.
        settings: what makes the data set what it is, as JSON would hold it.

    Raises:
        FolderInUseError: the folder holds a data set of other settings, or something else in its place.
    """

    def __init__(self, root: Path, settings: Mapping[str, Any]) -> None:
        self.root = root
        self._claim(settings)
        for name in (*SPLITS, DONE):  # a killed run may have left half a file under a temporary name
            for partial in (root / name).rglob(".partial-*"):
                partial.unlink()

    @property
    def is_finished(self) -> bool:
        """Whether all cases are done, and the manifest is written."""
        return (self.root / MANIFEST).is_file() and not (self.root / DONE).exists()

    def is_done(self, case: Case) -> bool:
        """Whether a case is written."""
        return self._record(case).is_file()

    def finish_case(self, case: Case, rows: Sequence[ManifestRow]) -> None:
        """Note that all slices of a case are written."""
        write_rows(self._record(case), rows)

    def write_manifest(self, cases: Sequence[Case]) -> None:
        """Write the manifest of the cases that are done. If these are all, the data set is finished."""
        done = [case for case in cases if self.is_done(case)]
        write_rows(self.root / MANIFEST, (row for case in done for row in read_rows(self._record(case))))
        if len(done) == len(cases):
            shutil.rmtree(self.root / DONE)

    def rows(self) -> list[ManifestRow]:
        """Return the rows of the manifest."""
        return list(read_rows(self.root / MANIFEST))

    def _record(self, case: Case) -> Path:
        return self.root / DONE / f"{case.name}.csv"

    def _claim(self, settings: Mapping[str, Any]) -> None:
        marker = self.root / SETTINGS
        if marker.is_file():
            if differences := settings_differences(marker, settings):
                raise FolderInUseError(
                    f"{self.root} holds a data set of other settings ({'; '.join(differences)}). Choose another "
                    "folder or delete this one."
                )
            return
        if found := [name for name in (*SPLITS, MANIFEST, DONE) if (self.root / name).exists()]:
            raise FolderInUseError(
                f"{self.root} holds {' and '.join(found)} from elsewhere (there is no {SETTINGS}). Choose another "
                "folder or delete this one."
            )
        write_settings(marker, settings)
