"""Find DICOM series whose files lie in several folders, each of which is taken for a scan."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from monai_sar.scans.dicom_header import identity, is_dicom
from monai_sar.scans.find import visible_files

__all__ = ["folders_of_divided_series"]


def folders_of_divided_series(scans: Sequence[Path]) -> set[Path]:
    """Return the folders that hold DICOM of a series of which other instances lie in another of the folders.

    Args:
        scans: paths of scans; only folders of DICOM count, and copies of one another are not divided.
    """
    instances: dict[str, dict[Path, frozenset[str]]] = defaultdict(dict)
    folders = [scan for scan in scans if scan.is_dir()]
    for folder in folders if len(folders) > 1 else ():
        own: dict[str, set[str]] = defaultdict(set)
        for file in visible_files(folder):
            if is_dicom(file):
                series, instance = identity(file)
                own[series].add(instance)
        for series, found in own.items():
            instances[series][folder] = frozenset(found)
    divided = [places for series, places in instances.items() if series and len(set(places.values())) > 1]
    return {folder for places in divided for folder in places}
