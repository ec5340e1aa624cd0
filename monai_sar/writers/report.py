"""One scan's result as JSON, for machines and for the record."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import nibabel as nib
import numpy as np

from monai_sar import __version__
from monai_sar.inferers.anomaly_result import TOP_FRACTION, AnomalyResult

__all__ = ["REPORT_VERSION", "make_report"]

REPORT_VERSION = 1
_PACKAGES = ("torch", "monai", "timm", "numpy", "nibabel", "pydicom", "highdicom")


def make_report(result: AnomalyResult, outputs: Mapping[str, str]) -> dict[str, Any]:
    """Describe a result; the schema is ``docs/reference/report.schema.json``.

    The scan is identified by the SHA-256 of its files alone: no name, no path, no DICOM identifier.

    Args:
        result: of one scan.
        outputs: what was written -> file name in the folder of the report.
    """
    anomaly_map = result.anomaly_map
    meta = anomaly_map.meta
    affine = np.asarray(anomaly_map.affine, dtype=float)
    mask = result.mask
    notes: Sequence[str] = meta.get("notes") or []
    return {
        "report_version": REPORT_VERSION,
        "disclaimer": "Research use only, not for diagnosis.",
        "scan": {
            "sha256": meta["sha256"],
            "kind": meta["kind"],
            "modality": meta["modality"] or None,
            "shape": list(anomaly_map.shape[1:]),
            "spacing_mm": [round(float(mm), 6) for mm in anomaly_map.pixdim],
            "orientation": "".join(nib.aff2axcodes(affine)),
            "affine": affine.tolist(),
            "slice_axis": int(meta["slice_axis"]),
        },
        "score": {
            "definition": f"mean of the highest {TOP_FRACTION:.0%} of the scores in tissue",
            "scan": result.score,
            "slices": list(result.slice_scores),
            "p_value": result.p_value,
        },
        "mask": None
        if mask is None
        else {
            "threshold": result.threshold,
            "voxels": int(mask.sum()),
            "volume_ml": float(mask.sum()) * _voxel_ml(affine),
        },
        "model": {
            "settings": dict(result.provenance.settings),
            "checkpoint_sha256": result.provenance.checkpoint_sha256,
        },
        "run": {
            "device": result.provenance.device,
            "runtime_s": result.provenance.runtime_s,
            "peak_memory_mib": result.provenance.peak_memory_mib,
            "versions": {"monai-sar": __version__, "python": platform.python_version()}
            | {package: version(package) for package in _PACKAGES},
        },
        "outputs": dict(outputs),
        "warnings": list(notes),
    }


def _voxel_ml(affine: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    return float(abs(np.linalg.det(affine[:3, :3]))) / 1000
