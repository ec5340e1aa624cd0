"""One scan's result as JSON, for machines and for the record."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import nibabel as nib
import numpy as np
import torch
from monai.data import MetaTensor
from torch import Tensor

from monai_sar._versions import software_versions
from monai_sar.calibration.calibration import Calibration
from monai_sar.metrics.anomaly_score import TOP_FRACTION
from monai_sar.results.anomaly_result import AnomalyResult
from monai_sar.scans.scan_origin import ScanOrigin

__all__ = ["REPORT_VERSION", "grid", "make_report", "region_facts"]

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


def region_facts(region: Tensor, grid_of: MetaTensor) -> dict[str, Any]:
    """Say what was scored; JSON-able.

    Args:
        region: boolean, on the grid of ``grid_of``.
        grid_of: a volume.
    """
    inside = torch.as_tensor(region).as_subclass(Tensor).cpu().numpy()
    return {
        "voxels": int(inside.sum()),
        "volume_ml": float(inside.sum()) * _voxel_ml(grid_of),
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
    return {
        "report_version": REPORT_VERSION,
        "disclaimer": "Research use only, not for diagnosis.",
        "scan": {
            "sha256": origin.sha256,
            "kind": origin.kind,
            "modality": origin.modality,
            **grid(result.anomaly_map),
            "slice_axis": origin.slice_axis,
        },
        "display": grid(result.display.image),
        "region": region_facts(result.display.region, result.display.image),
        "score": {
            "definition": f"mean of the highest {TOP_FRACTION:.0%} of the scores in the region",
            "scan": result.score,
            "slices": list(result.slice_scores),
            "p_value": result.p_value,
        },
        "mask": None
        if mask is None
        else {
            "threshold": result.threshold,
            "false_positive_rate": result.false_positive_rate,
            "voxels": int(mask.sum()),
            "volume_ml": float(mask.sum()) * _voxel_ml(mask),
        },
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
        # notes give the UIDs of series that were left out
        "warnings": [_UID.sub("", text) for text in (*origin.notes, *warnings)],
    }


def _calibration_facts(calibration: Calibration) -> dict[str, Any]:
    return {
        "unit": calibration.unit,
        "units": calibration.units,
        "images": calibration.images,
        "false_positive_rates": list(calibration.rates),
        "data_sha256": calibration.data_sha256,
    }


def _voxel_ml(volume: MetaTensor) -> float:
    return float(abs(np.linalg.det(np.asarray(volume.affine, dtype=float)[:3, :3]))) / 1000
