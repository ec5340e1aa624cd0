"""Everything that is written for one scan."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from monai.data import MetaTensor

from monai_sar._atomic import atomic_path
from monai_sar.inferers.anomaly_result import AnomalyResult
from monai_sar.writers.dicom_parametric_map import write_parametric_map
from monai_sar.writers.dicom_segmentation import write_segmentation
from monai_sar.writers.nifti import write_nifti
from monai_sar.writers.overlay import write_overlay
from monai_sar.writers.report import make_report

__all__ = ["is_written", "report_path", "result_name", "write_result"]


def result_name(scan: MetaTensor) -> str:
    """What the files of a scan are called.

    A NIfTI or image file has a name that somebody chose; the names of DICOM files and folders often are those of
    patients, so these scans are called by the first digits of their SHA-256.

    Args:
        scan: or its map: what :class:`monai_sar.transforms.LoadScan` knows of it is in the ``meta``.
    """
    if scan.meta["kind"] == "dicom":
        return f"dicom-{str(scan.meta['sha256'])[:12]}"
    return Path(scan.meta["filename_or_obj"]).name.removesuffix(".gz").removesuffix(".nii")


def report_path(scan: MetaTensor, folder: str | os.PathLike[str]) -> Path:
    """Where the report of a scan lies. It is written last: where it is, all is."""
    return Path(folder) / f"{result_name(scan)}_report.json"


def is_written(scan: MetaTensor, folder: str | os.PathLike[str], identity: Mapping[str, Any]) -> bool:
    """Tell whether the folder holds the whole result of this very scan, made in this very way.

    Args:
        scan: that was read.
        folder: where results lie.
        identity: what the result would be made with, see :attr:`ScanPredictor.identity`.
    """
    path = report_path(scan, folder)
    if not path.is_file():
        return False
    report = json.loads(path.read_text())
    threshold = report["mask"] and report["mask"]["threshold"]
    made_with = {**report["model"], "threshold": threshold}
    files = all((Path(folder) / name).is_file() for name in report["outputs"].values())
    return files and report["scan"]["sha256"] == scan.meta["sha256"] and made_with == identity


def write_result(result: AnomalyResult, folder: str | os.PathLike[str]) -> Path:
    """Write ``<name>_anomaly.nii.gz``, ``<name>_overlay.png`` and ``<name>_report.json``.

    With a threshold also ``<name>_mask.nii.gz``. For a DICOM scan also ``<name>_anomaly.dcm`` (Parametric Map) and,
    with a threshold, ``<name>_mask.dcm`` (Segmentation). Each file is written whole or not at all, the report last.

    Args:
        result: of one scan.
        folder: created if it does not exist.

    Returns:
        The path of the report.
    """
    folder, scan = Path(folder), result.anomaly_map
    name, mask = result_name(scan), result.mask
    outputs = {"anomaly_map": f"{name}_anomaly.nii.gz", "overlay": f"{name}_overlay.png"}
    reference = scan.meta["filename_or_obj"] if scan.meta["kind"] == "nifti" else None
    write_nifti(folder / outputs["anomaly_map"], scan, reference=reference)
    if mask is not None:
        outputs["mask"] = f"{name}_mask.nii.gz"
        write_nifti(folder / outputs["mask"], mask, reference=reference)
    _write_picture(result, folder / outputs["overlay"])
    if scan.meta["kind"] == "dicom":
        outputs |= _write_dicom(result, folder, name)
    path = report_path(scan, folder)
    with atomic_path(path) as partial:
        partial.write_text(json.dumps(make_report(result, outputs), indent=2) + "\n")
    return path


def _write_picture(result: AnomalyResult, path: Path) -> None:
    display = result.display
    rows, columns, slices = (float(mm) for mm in display.image.pixdim)
    write_overlay(
        path,
        display.image[0].cpu().numpy(),
        display.anomaly_map[0].cpu().numpy(),
        spacing=(rows, columns, slices),
        mask=None if result.threshold is None else display.anomaly_map[0].cpu().numpy() > result.threshold,
        lesion=None if display.lesion is None else display.lesion[0].cpu().numpy(),
        threshold=result.threshold,
    )


def _write_dicom(result: AnomalyResult, folder: Path, name: str) -> dict[str, str]:
    meta = result.anomaly_map.meta
    sources = [pydicom.dcmread(path, stop_before_pixels=True) for path in meta["instances"]]
    frame_numbers = meta["frame_numbers"] or None
    # the writers take slices last, whichever axis of the array they were acquired along
    scores = np.moveaxis(result.anomaly_map[0].cpu().numpy(), int(meta["slice_axis"]), 2)
    outputs = {"parametric_map": f"{name}_anomaly.dcm"}
    write_parametric_map(
        folder / outputs["parametric_map"],
        scores,
        sources,
        frame_numbers=frame_numbers,
        threshold=result.threshold,
    )
    if result.threshold is not None:
        outputs["segmentation"] = f"{name}_mask.dcm"
        write_segmentation(
            folder / outputs["segmentation"], scores > result.threshold, sources, frame_numbers=frame_numbers
        )
    return outputs
