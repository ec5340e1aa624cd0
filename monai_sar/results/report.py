"""One scan's result as JSON, for machines and for the record."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import nibabel as nib
import numpy as np
from monai.data import MetaTensor
from torch import Tensor

from monai_sar._versions import software_versions
from monai_sar.calibration.calibration import Calibration
from monai_sar.calibration.input_check import InputDifference
from monai_sar.metrics.anomaly_score import TOP_FRACTION
from monai_sar.metrics.lesion_agreement import dice, flagged_voxels, lesion_agreement
from monai_sar.metrics.lesion_score import label_lesions
from monai_sar.results.anomaly_result import AnomalyResult
from monai_sar.scans.plain_tensor import plain_tensor
from monai_sar.scans.scan import voxel_ml
from monai_sar.scans.scan_origin import ScanOrigin

__all__ = ["REPORT_VERSION", "grid", "make_report", "mask_facts", "told_notes"]

REPORT_VERSION = 1
_PACKAGES = ("torch", "monai", "timm", "numpy", "nibabel", "pydicom", "highdicom")
_UID = re.compile(r"(, UID )?\b[0-2](\.\d+){3,}")


def grid(volume: MetaTensor) -> dict[str, Any]:
    """Say where the voxels of ``[1, I, J, K]`` lie; JSON-able."""
    affine = np.asarray(volume.affine, dtype=float)
    return {
        "shape": list(volume.shape[1:]),
        "spacing_mm": [round(float(mm), 6) for mm in volume.pixdim],
        "orientation": "".join(nib.aff2axcodes(affine)),
        "affine": affine.tolist(),
    }


def mask_facts(mask: Tensor, grid_of: MetaTensor) -> dict[str, Any]:
    """Say what was scored, or what is lesion; JSON-able.

    Args:
        mask: not 0 inside, on the grid of ``grid_of``.
        grid_of: a volume.
    """
    inside = plain_tensor(mask).numpy() != 0
    return {
        "voxels": int(inside.sum()),
        "volume_ml": float(inside.sum()) * voxel_ml(grid_of.affine),
        "sha256": hashlib.sha256(np.packbits(inside).tobytes()).hexdigest(),
    }


def make_report(result: AnomalyResult, outputs: Mapping[str, str], warnings: Sequence[str] = ()) -> dict[str, Any]:
    """Describe a result; the schema is ``docs/reference/report.schema.json``.

    The scan is identified by the SHA-256 of its files alone: no name, no path, no DICOM identifier.

    Args:
        result: of one scan.
        outputs: what was written -> file name in the folder of the report.
        warnings: what went otherwise than usual when it was written.
    """
    origin, mask = ScanOrigin.of(result.anomaly_map), result.mask
    flagged = 0 if mask is None else int(np.count_nonzero(plain_tensor(mask).numpy()))
    return {
        "report_version": REPORT_VERSION,
        "disclaimer": "Research use only, not for diagnosis.",
        "scan": {
            "sha256": origin.sha256,
            "kind": origin.kind,
            "modality": origin.modality,
            **grid(result.anomaly_map),
            "slice_axis": origin.slice_axis,
            "volume": origin.volume,
        },
        "display": grid(result.display.image),
        "region": mask_facts(result.display.region, result.display.image),
        "score": {
            "definition": f"mean of the highest {TOP_FRACTION:.0%} of the scores in the region",
            "scan": result.score,
            "slices": list(result.slice_scores),
            "p_value": result.p_value,
            "p_value_note": result.p_value_note,
        },
        "mask": None
        if mask is None
        else {
            "threshold": result.threshold,
            "false_positive_rate": result.false_positive_rate,
            "voxels": flagged,
            "volume_ml": float(flagged) * voxel_ml(mask.affine),
        },
        "lesions": None if result.display.lesion is None else _lesion_facts(result, result.display.lesion),
        "input_check": _input_facts(result),
        "calibration": None if result.calibration is None else _calibration_facts(result.calibration),
        "model": {
            "settings": dict(result.provenance.settings),
            "checkpoint_sha256": result.provenance.checkpoint_sha256,
        },
        "run": {
            "device": result.provenance.device,
            "amp": result.provenance.amp,
            "runtime_s": result.provenance.runtime_s,
            "peak_memory_mib": result.provenance.peak_memory_mib,
            "versions": software_versions(_PACKAGES),
        },
        "outputs": dict(outputs),
        "warnings": [*told_notes(result.anomaly_map), *warnings],
    }


def told_notes(scan: MetaTensor) -> list[str]:
    """What a reader of a scan should know, without the UIDs of the series that were left out.

    Args:
        scan: or its map.
    """
    return [_UID.sub("", text) for text in ScanOrigin.of(scan).notes]


def _lesion_facts(result: AnomalyResult, lesion: Tensor) -> dict[str, Any]:
    """What an evaluation would say of this scan, whose lesions are known."""
    score, region = (plain_tensor(each)[0].numpy() for each in (result.display.anomaly_map, result.display.region))
    mask = plain_tensor(lesion)[0].numpy() != 0
    agreement = lesion_agreement(score, label_lesions(mask), region)
    threshold, flagged = result.threshold, None
    if threshold is not None:
        flagged = flagged_voxels(score[region], mask[region], threshold)
    return {
        **mask_facts(lesion, result.display.image),
        "count": len(agreement.lesions),
        "found": None if threshold is None else agreement.found(threshold),
        "dice": None if flagged is None else dice(*flagged, agreement.voxels),
        "average_precision": agreement.average_precision,
    }


def _input_facts(result: AnomalyResult) -> dict[str, Any]:
    check = result.input_check
    return {
        "ok": None if check is None else check.ok,
        "differences": [] if check is None else [_difference(each) for each in check.differences],
        "note": result.input_check_note,
    }


def _difference(difference: InputDifference) -> dict[str, Any]:
    return {**asdict(difference), "expected": list(difference.expected)}


def _calibration_facts(calibration: Calibration) -> dict[str, Any]:
    return {
        "unit": calibration.unit,
        "units": calibration.units,
        "kind": calibration.kind,
        "scans": calibration.scans,
        "patients_with_normal_scans": len(calibration.scan_scores),
        "false_positive_rates": list(calibration.rates),
        "data_sha256": calibration.data_sha256,
    }
