"""Inference: a study's label, its map, and what they say, as MONAI Label answers."""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from monailabel.interfaces.datastore import Datastore
from monailabel.interfaces.tasks.infer_v2 import InferTask, InferType

from monai_sar.label.request import NOT_FOUND, number_option, refusal, told_to_the_client
from monai_sar.label.result_file import NIFTI, write_as
from monai_sar.label.served_bundle import ServedBundle
from monai_sar.label.study_scan import scan_at, scan_of
from monai_sar.results import AnomalyResult
from monai_sar.results.write_result import write_result
from monai_sar.scans.scan_origin import ScanOrigin

__all__ = ["ANOMALY_MAP", "STUDY_ID", "AnomalyInferTask"]

LABEL, ANOMALY_MAP = "label", "anomaly_map"
"""What can be sent; the second is also the tag under which the datastore keeps maps."""

STUDY_ID = "study_id"
"""Under this key the app adds to a request which study of the datastore it is about."""


class AnomalyInferTask(InferTask):
    """Serve one bundle.

    Options of a request: ``threshold`` (a score), or ``false_positive_rate`` (share of a normal patient's voxels that
    may be flagged); ``result``: ``label`` or ``anomaly_map``, which of the two is sent; ``save_map``: whether the
    datastore keeps the map; ``result_extension`` and ``result_dtype``, as viewers ask for.

    Args:
        bundle: what to serve.
        datastore: gives the datastore, which keeps the maps.
    """

    def __init__(self, bundle: ServedBundle, datastore: Callable[[], Datastore]) -> None:
        super().__init__(
            type=InferType.SEGMENTATION,
            labels={"anomaly": 1},
            dimension=3,
            description="Where a scan is not normal. Research use only, not for diagnosis",
            config={"threshold": "", "false_positive_rate": "", "result": [LABEL, ANOMALY_MAP], "save_map": True},
        )
        self.bundle = bundle
        self.datastore = datastore

    def is_valid(self) -> bool:
        """Tell whether it can predict: a model without a checkpoint is not offered to viewers."""
        return self.bundle.checkpoint.is_file()

    def __call__(self, request: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Map the anomalies of the study at ``request["image"]``.

        Returns:
            The file to send, and the result's parameters.

        Raises:
            HTTPException: the request cannot be fulfilled; the client is told why.
        """
        if not request["image"]:
            raise refusal(NOT_FOUND, f"There is no study {request.get(STUDY_ID)!r}.")
        with told_to_the_client(), tempfile.TemporaryDirectory(prefix="monai-sar-") as folder:
            wanted = _wanted(request)
            result = self.bundle.predict(
                scan_of(self.datastore(), study) if (study := request.get(STUDY_ID)) else scan_at(request["image"]),
                threshold=number_option(request, "threshold"),
                false_positive_rate=number_option(request, "false_positive_rate"),
            )
            outputs = {key: Path(folder, name) for key, name in write_result(result, folder)["outputs"].items()}
            file = write_as(
                outputs["mask" if wanted == LABEL else ANOMALY_MAP],
                extension=request.get("result_extension") or NIFTI,
                # viewers ask for integers, whatever they get; of a map nothing would be left
                dtype=request.get("result_dtype") if wanted == LABEL else None,
            )
            return str(file), {
                **_parameters(result),
                "model": self.bundle.name,
                "result": wanted,
                "anomaly_map": self._keep_map(request, outputs[ANOMALY_MAP], result),
            }

    def _keep_map(self, request: Mapping[str, Any], file: Path, result: AnomalyResult) -> dict[str, str] | None:
        study = request.get(STUDY_ID)
        if study is None or not request.get("save_map", True):
            return None
        info = {"model": self.bundle.name, "checkpoint_sha256": result.provenance.checkpoint_sha256}
        named = file.with_name(f"{study}{NIFTI}")  # the datastore takes the extension from the name
        shutil.move(file, named)
        return {"label": self.datastore().save_label(study, str(named), ANOMALY_MAP, info), "tag": ANOMALY_MAP}


def _parameters(result: AnomalyResult) -> dict[str, Any]:
    mask, check = result.mask, result.input_check
    notes = list(ScanOrigin.of(result.anomaly_map).notes)
    return {
        "label_names": {"anomaly": 1},
        "score": result.score,
        "p_value": result.p_value,
        "slice_scores": list(result.slice_scores),
        "threshold": result.threshold,
        "false_positive_rate": result.false_positive_rate,
        "flagged_voxels": 0 if mask is None else int(mask.sum()),
        "checkpoint_sha256": result.provenance.checkpoint_sha256,
        "input_check": None if check is None else check.ok,
        "input_check_note": result.input_check_note,
        # viewers show what they know, and nobody should miss that the promises are not for this scan
        "warnings": notes if check is None or check.note is None else [check.note, *notes],
        "disclaimer": "Research use only, not for diagnosis.",
    }


def _wanted(request: Mapping[str, Any]) -> str:
    wanted = request.get("result", LABEL)
    wanted = wanted[0] if isinstance(wanted, list) else wanted  # as in the config: the first is the default
    if wanted not in (LABEL, ANOMALY_MAP):
        raise ValueError(f"result is {wanted!r}, expected '{LABEL}' or '{ANOMALY_MAP}'.")
    if wanted == ANOMALY_MAP and request.get("save_label"):
        raise ValueError(f"An anomaly map is no label to save; ask for the result '{LABEL}', the map is kept besides.")
    return str(wanted)
