"""The schema describes every field of a report, and takes nothing else."""

# nibabel is typed in part
# mypy: disable-error-code="no-untyped-call, attr-defined"
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from PIL import Image

from monai_sar.calibration import InputReference, ScanTraits
from monai_sar.scans import ScanOrigin
from tests.calibration.conftest import a_calibration, calibrated_checkpoint
from tests.conftest import save_nifti
from tests.results.saved_report import SCHEMA, save, validate, without_threshold

LESIONS_ALONE: dict[str, Any] = {"scan_scores": (), "scan_thresholds": ()}


def _objects(report: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Where in a report an object lies that holds named fields; preprocessing has the names of its bundle."""
    yield ()
    for key, value in report.items():
        if isinstance(value, dict) and key != "preprocessing":
            yield from ((key, *place) for place in _objects(value))


def test_the_schema_refuses_more_and_less_than_it_describes(checkpoint: Path, tmp_path: Path) -> None:
    path = calibrated_checkpoint(checkpoint, tmp_path / "model.pt", a_calibration())
    report = save(without_threshold(path)(save_nifti(tmp_path / "head.nii.gz")), tmp_path / "out")
    places = list(_objects(report))
    assert len(places) == 15
    for place in places:
        changed = copy.deepcopy(report)
        part = changed
        for key in place:
            part = part[key]
        part["patient"] = "SECRET"
        with pytest.raises(ValidationError, match="patient"):
            validate(changed)
        del part["patient"]
        for key in list(part):
            value = part.pop(key)
            if not (place == ("outputs",) and key == "mask"):
                with pytest.raises(ValidationError, match=key):
                    validate(changed)
            part[key] = value
    validate(report)


def test_the_reason_why_there_is_no_p_value_is_reported(checkpoint: Path, tmp_path: Path) -> None:
    scan = save_nifti(tmp_path / "head.nii.gz")
    for name, change in (("volumes", {}), ("slices", {"kind": "slices"}), ("lesions", LESIONS_ALONE)):
        path = calibrated_checkpoint(checkpoint, tmp_path / f"{name}.pt", a_calibration(**change))
        report = save(without_threshold(path)(scan), tmp_path / name)
        assert report["calibration"]["kind"] == ("slices" if name == "slices" else "volumes")
        assert (report["calibration"]["scans"], report["calibration"]["units"]) == (9, 9)
        assert report["calibration"]["patients_with_normal_scans"] == (0 if name == "lesions" else 9)
        score = report["score"]
        assert (score["p_value"] is None) == (score["p_value_note"] is not None) == (name != "volumes")
        assert report["mask"]["false_positive_rate"] == 0.1
    report = save(without_threshold(checkpoint)(scan), tmp_path / "uncalibrated")
    assert report["score"]["p_value_note"] == "no p-value: the detector is not calibrated"
    assert report["calibration"] is None


def test_what_is_unlike_the_calibrated_scans_is_in_report_and_picture(checkpoint: Path, tmp_path: Path) -> None:
    scan, sizes = save_nifti(tmp_path / "head.nii.gz"), {}
    one = without_threshold(checkpoint)(scan)
    report = save(one, tmp_path / "uncalibrated")
    assert report["input_check"]["ok"] is None
    assert "the detector is not calibrated" in report["input_check"]["note"]
    known = ScanTraits.of(one.display.image, one.display.region, ScanOrigin.of(one.anomaly_map))
    for name, spacing in (("like", 1.0), ("unlike", 2.0)):
        other = {key: value * spacing if "spacing" in key else value for key, value in known.measures.items()}
        inputs = InputReference.of([[ScanTraits("volumes", None, other)]])
        path = calibrated_checkpoint(checkpoint, tmp_path / f"{name}.pt", a_calibration(inputs=inputs))
        report = save(without_threshold(path)(scan), tmp_path / name)
        check = report["input_check"]
        assert check["ok"] is (name == "like")
        assert [each["topic"] for each in check["differences"]] == (
            [] if check["ok"] else ["spacing"] * 2 + ["slice distance"]
        )
        assert (check["note"] is None) is check["ok"]
        with Image.open(tmp_path / name / "head_overlay.png") as picture:
            sizes[name] = picture.size
    assert sizes["unlike"][0] == sizes["like"][0]
    assert sizes["unlike"][1] > sizes["like"][1]  # by a line below


def _fields(schema: dict[str, Any], name: str = "report") -> Iterator[tuple[str, dict[str, Any]]]:
    yield name, schema
    for key, part in schema.get("properties", {}).items():
        yield from _fields(part, f"{name}.{key}")


def test_the_schema_describes_every_field() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    fields = dict(_fields(SCHEMA))
    assert len(fields) > 50
    for name, field in fields.items():
        assert field.get("description", "").endswith("."), name
        assert {"type", "enum", "const"} & field.keys(), name
        if "properties" in field and not name.endswith("preprocessing"):
            assert field["additionalProperties"] is False, name
