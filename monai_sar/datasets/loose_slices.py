"""Find DICOM files that are slices of one series but lie among scans as if each were one."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from monai_sar.datasets.bmad_folder import IMAGE_SUFFIXES
from monai_sar.scans.dicom_header import identity
from monai_sar.scans.file_format import is_volume

__all__ = ["find_loose_slices"]


def find_loose_slices(scans: Iterable[Path]) -> list[Path]:
    """Return the DICOM files among the scans that share their series with another.

    Files of one frame that share a series are slices of one volume; so read, each would pass for a scan.

    Args:
        scans: files of any kind and folders; only the headers of DICOM files are read.
    """
    series: dict[str, list[Path]] = defaultdict(list)
    for scan in scans:
        if scan.is_dir() or scan.suffix.lower() in IMAGE_SUFFIXES or is_volume(scan):
            continue
        series[identity(scan)[0] or str(scan)].append(scan)
    return sorted(scan for files in series.values() if len(files) > 1 for scan in files)
