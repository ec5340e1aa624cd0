"""The report that a result leaves, held against its schema."""

# nibabel is typed in part
# mypy: disable-error-code="no-untyped-call, attr-defined"
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from monai_sar.inferers import ScanPredictor
from monai_sar.results import AnomalyResult
from monai_sar.results.write_result import report_path, write_result
from tests.conftest import BUNDLE

SCHEMA = json.loads(
    (Path(__file__).resolve().parents[2] / "docs" / "reference" / "report.schema.json").read_text(encoding="utf-8")
)


def validate(report: Any) -> None:
    Draft202012Validator(SCHEMA).validate(report)


def save(result: AnomalyResult, folder: Path) -> dict[str, Any]:
    """The report that a result leaves, after checks that hold for every result."""
    written = write_result(result, folder)
    path = report_path(result.anomaly_map, folder)
    report: dict[str, Any] = json.loads(path.read_text())
    assert report == written
    validate(report)
    assert path.parent == folder
    assert {*report["outputs"].values(), path.name} == {file.name for file in folder.iterdir()}
    return report


def without_threshold(checkpoint: Path, **settings: Any) -> ScanPredictor:
    return ScanPredictor.from_bundle(BUNDLE, ckpt_path=checkpoint, **settings)
