"""Everything that is written for one scan."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
from monai.data import MetaTensor

from monai_sar._atomic import atomic_path
from monai_sar._process_lock import ProcessLock
from monai_sar.calibration.scan_p_value import p_value_in_words
from monai_sar.results.anomaly_result import AnomalyResult
from monai_sar.results.dicom_parametric_map import write_parametric_map
from monai_sar.results.dicom_segmentation import write_segmentation
from monai_sar.results.dicom_source import DicomSource
from monai_sar.results.overlay import write_overlay
from monai_sar.results.report import grid, make_report, mask_facts
from monai_sar.results.write_nifti import write_nifti
from monai_sar.scans.dicom_header import read_instances
from monai_sar.scans.library_warnings import without_library_warnings
from monai_sar.scans.nifti import read_nifti_header
from monai_sar.scans.scan_origin import ScanOrigin

__all__ = [
    "file_result_name",
    "find_report",
    "is_result",
    "lies_in",
    "report_path",
    "result_lock",
    "result_name",
    "write_result",
]

SUFFIXES = {
    "anomaly_map": "_anomaly.nii.gz",
    "mask": "_mask.nii.gz",
    "overlay": "_overlay.png",
    "parametric_map": "_anomaly.dcm",
    "segmentation": "_mask.dcm",
}
"""What a file of a result is -> how its name ends."""

REPORT_SUFFIX = "_report.json"

MILLIMETRE_UNITS = ("mm", "unknown")


def file_result_name(path: str | os.PathLike[str]) -> str:
    """What the files of a NIfTI or image scan are called: as it is, without ``.nii`` or ``.nii.gz``."""
    name = os.path.basename(os.path.abspath(path))  # noqa: PTH100, PTH119 ("." has a name, a link keeps its own)
    suffix = next((end for end in (".nii.gz", ".nii") if name.lower().endswith(end)), "")
    return name[: len(name) - len(suffix)]


def result_name(scan: MetaTensor) -> str:
    """What the files of a scan are called.

    A NIfTI or image file has a name that somebody chose; the names of DICOM files and folders often are those of
    patients, so these scans are called by the first digits of their SHA-256. One of several volumes of a file has its
    number in its name.

    Args:
        scan: or its map: what :class:`monai_sar.transforms.LoadScan` knows of it is in the ``meta``.
    """
    origin = ScanOrigin.of(scan)
    if origin.kind == "dicom":
        return f"dicom-{origin.sha256[:12]}"
    name = file_result_name(origin.source)
    return name if origin.volume is None else f"{name}_volume{origin.volume}"


def is_result(path: Path) -> bool:
    """Tell by its name whether a file was written as part of a result."""
    return path.name.endswith((*SUFFIXES.values(), REPORT_SUFFIX))


def lies_in(scan: Path, folder: Path) -> bool:
    """Tell whether a scan is the folder, or a file directly in it: there a result could replace it."""
    own = scan if scan.is_dir() else scan.parent
    return own.resolve() == folder.resolve()


def report_path(scan: MetaTensor, folder: str | os.PathLike[str]) -> Path:
    """Where the report of a scan lies. It is written last: where it is, all is."""
    return Path(folder) / f"{result_name(scan)}{REPORT_SUFFIX}"


def result_lock(scan: MetaTensor, folder: str | os.PathLike[str]) -> ProcessLock:
    """What a process has to hold that reads or writes the result of a scan, so that its files are of one process."""
    folder, name = Path(folder), result_name(scan)
    return ProcessLock(
        folder / f".{name}.lock",
        held=f"'{folder / name}' is being made",
        advice="stop one of the two, or give another folder",
    )


def find_report(
    item: Mapping[str, Any], folder: str | os.PathLike[str], identity: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The report in a folder that holds the whole result of this very scan, made in this very way; else None.

    Args:
        item: what :meth:`monai_sar.inferers.ScanPredictor.prepare` made of the scan: the ``image`` as the network is
            to see it, the ``region`` to score and perhaps the ``label``, the mask of lesions.
        folder: where results lie.
        identity: what the result would be made with, see :attr:`monai_sar.inferers.ScanPredictor.identity`.
    """
    scan: MetaTensor = item["image"]
    try:
        report: dict[str, Any] = json.loads(report_path(scan, folder).read_text())
        flagging = {key: report["mask"] and report["mask"][key] for key in ("threshold", "false_positive_rate")}
        made_with = {**report["model"], **flagging, "amp": report["run"]["amp"]}
        origin = ScanOrigin.of(scan)
        same_scan = (report["scan"]["sha256"], report["scan"].get("volume")) == (origin.sha256, origin.volume)
        # the plane of the slices, and a spacing that the user gave
        same_grid = report["display"] == grid(scan)
        same_region = report["region"] == mask_facts(item["region"], scan)
        lesions = None if item.get("label") is None else mask_facts(item["label"], scan)
        same_lesions = (report["lesions"] and {key: report["lesions"][key] for key in lesions or {}}) == lesions
        checked = "input_check" in report  # an older version did not
        whole = checked and all((Path(folder) / name).is_file() for name in report["outputs"].values())
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):  # none, or that of another program
        return None
    same = same_scan and same_grid and same_region and same_lesions
    return report if same and whole and made_with == identity else None


def write_result(result: AnomalyResult, folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Write ``<name>_anomaly.nii.gz``, ``<name>_overlay.png`` and ``<name>_report.json``.

    With a threshold also ``<name>_mask.nii.gz``. For a DICOM scan also ``<name>_anomaly.dcm`` (Parametric Map) and,
    with a threshold, ``<name>_mask.dcm`` (Segmentation); where its headers do not allow for them, the report's warnings
    say so. Each file is written whole or not at all, the report last. An older result of that name is replaced. If
    something cannot be written, nothing of the result stays. Processes that write the same result wait for each other.

    Args:
        result: of one scan.
        folder: created if it does not exist.

    Returns:
        The report.

    Raises:
        ValueError: the folder is the scan's own.
        FullDiskError: there is no room for it; the message says where.
    """
    folder, scan = Path(folder), result.anomaly_map
    origin = ScanOrigin.of(scan)
    if lies_in(origin.source, folder):
        raise ValueError(
            f"{origin.source}: lies in {folder} itself, where a result could replace it; choose another folder."
        )
    with result_lock(scan, folder).waited_for():
        return _write(result, folder)


def _write(result: AnomalyResult, folder: Path) -> dict[str, Any]:
    path = report_path(result.anomaly_map, folder)
    path.unlink(missing_ok=True)  # it comes last and goes first: never does it stand beside what it does not describe
    outputs: dict[str, Path] = {}
    try:
        outputs = _write_volumes(result, folder)
        from_dicom = ScanOrigin.of(result.anomaly_map).kind == "dicom"
        warnings = _write_dicom(result, folder, outputs) if from_dicom else []
        report = make_report(result, {key: file.name for key, file in outputs.items()}, warnings)
        with atomic_path(path) as partial:
            partial.write_text(json.dumps(report, indent=2) + "\n")
    except BaseException:  # Ctrl-C too
        path.unlink(missing_ok=True)
        outputs = {}
        raise
    finally:
        for output in SUFFIXES.keys() - outputs.keys():
            if (file := _file(result, folder, output)).is_file():
                file.unlink()
    return report


def _file(result: AnomalyResult, folder: Path, output: str) -> Path:
    return folder / f"{result_name(result.anomaly_map)}{SUFFIXES[output]}"


def _write_volumes(result: AnomalyResult, folder: Path) -> dict[str, Path]:
    reference = _nifti_reference(result.anomaly_map)
    outputs = {output: _file(result, folder, output) for output in ("anomaly_map", "overlay")}
    write_nifti(outputs["anomaly_map"], result.anomaly_map, reference=reference)
    if result.mask is not None:
        outputs["mask"] = _file(result, folder, "mask")
        write_nifti(outputs["mask"], result.mask, reference=reference)
    _write_picture(result, outputs["overlay"])
    return outputs


def _nifti_reference(scan: MetaTensor) -> str | None:
    """The file whose geometry fields can be copied: NIfTI, three axes, millimetres (as read_nifti converts to)."""
    origin = ScanOrigin.of(scan)
    if origin.kind != "nifti":
        return None
    header = read_nifti_header(origin.source)
    plain = isinstance(header, nib.nifti1.Nifti1Header) and len(header.get_data_shape()) > 2
    return str(origin.source) if plain and header.get_xyzt_units()[0] in MILLIMETRE_UNITS else None


def _write_picture(result: AnomalyResult, path: Path) -> None:
    display = result.display
    rows, columns, slices = (float(mm) for mm in display.image.pixdim)
    write_overlay(
        path,
        display.image[0].cpu().numpy(),
        display.anomaly_map[0].cpu().numpy(),
        spacing=(rows, columns, slices),
        region=display.region[0].cpu().numpy(),
        mask=None if result.threshold is None else display.anomaly_map[0].cpu().numpy() > result.threshold,
        lesion=None if display.lesion is None else display.lesion[0].cpu().numpy(),
        threshold=result.threshold,
        caption=_score_in_words(result),
        note=None if result.input_check is None else result.input_check.headline,
    )


def _score_in_words(result: AnomalyResult) -> str:
    """The score with its p-value, or with why there is none."""
    score = f"Score {result.score:.4g}"
    p_value = p_value_in_words(result.p_value, result.p_value_note)
    return f"{score}, {p_value}" if p_value else score


def _write_dicom(result: AnomalyResult, folder: Path, outputs: dict[str, Path]) -> list[str]:
    """Write the objects for PACS and add them to the outputs, or return why there is one less."""
    origin = ScanOrigin.of(result.anomaly_map)
    frame_numbers = origin.frame_numbers or None
    # the writers take slices last, whichever axis of the array they were acquired along
    scores = np.moveaxis(result.anomaly_map[0].cpu().numpy(), origin.slice_axis, 2)
    path, mask_path = _file(result, folder, "parametric_map"), _file(result, folder, "segmentation")
    try:
        # before validation is off: then a malformed number would pass for text
        sources = read_instances(origin.instances)
        with pydicom.config.disable_value_validation(), without_library_warnings():  # they quote the header
            try:
                DicomSource(sources, frame_numbers=frame_numbers)
            except ValueError as error:  # in our own words, which name nobody
                return [f"no DICOM objects were written: {error}"]
            write_parametric_map(path, scores, sources, frame_numbers=frame_numbers, threshold=result.threshold)
            outputs["parametric_map"] = path
            if result.threshold is not None:
                write_segmentation(mask_path, scores > result.threshold, sources, frame_numbers=frame_numbers)
                outputs["segmentation"] = mask_path
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # the text may quote the header
        missing = "segmentation" if "parametric_map" in outputs else "DICOM objects"
        return [
            f"no {missing} could be written: the headers of the series lack or contradict what a derived object needs, "
            f"such as one StudyInstanceUID and one FrameOfReferenceUID ({type(error).__name__})"
        ]
    return []
