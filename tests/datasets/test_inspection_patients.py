"""Whose the slices of a set are, and who is in two splits."""

from pathlib import Path

from monai_sar.datasets.inspection import inspect_bmad
from tests.datasets.clean_set import found, picture, save, write_clean_set


def test_normal_and_abnormal_slices_of_a_patient_in_one_split_are_fine(tmp_path: Path) -> None:
    root = write_clean_set(tmp_path)
    save(root / "valid/good/img/phantom_0011_s07.png", picture(60))
    assert found(inspect_bmad(root)) == []


def test_many_shared_patients_are_counted_after_five(tmp_path: Path) -> None:
    root = write_clean_set(tmp_path)
    for patient in range(30, 37):
        save(root / f"train/good/phantom_{patient:04d}_s00.png", picture(100 + patient))
        save(root / f"test/good/img/phantom_{patient:04d}_s01.png", picture(200 + patient))
    (finding,) = inspect_bmad(root).findings
    assert finding.code == "patient-in-train-and-test"
    assert "both train and test: 7 (phantom_0030, " in finding.message
    assert "phantom_0034, ...)" in finding.message
    assert "phantom_0035" not in finding.message
    assert len(finding.files) == 14


def test_a_manifest_alone_tells_the_patients(tmp_path: Path) -> None:
    root = write_clean_set(tmp_path)
    images = [p for p in sorted(root.rglob("*.png")) if "label" not in p.parts]
    rows = [f"{image.relative_to(root).as_posix()},p{index}" for index, image in enumerate(images)]
    (root / "manifest.csv").write_text("\n".join(["file,patient", *rows]), encoding="utf-8")
    inspection = inspect_bmad(root)
    assert found(inspection) == []
    assert inspection.patients_told_by == {"manifest.csv": 14}
    assert sum(place.patients for place in inspection.places) == 14

    # the names tell different patients, the manifest one; a row too many and one too few
    rows = [row.rpartition(",")[0] + ",same" for row in rows[1:]] + ["gone.png,same"]
    (root / "manifest.csv").write_text("\n".join(["file,patient", *rows]), encoding="utf-8")
    assert found(inspect_bmad(root)) == [
        ("error", "patient-in-train-and-valid"),
        ("error", "patient-in-train-and-test"),
        ("error", "patient-in-valid-and-test"),
        ("warning", "manifest-lacks-image"),
        ("warning", "manifest-lists-missing"),
        ("note", "patient-unknown"),
    ]
