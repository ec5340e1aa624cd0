"""What says best whose a scan is tells it, and what it says is never written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import FileDataset

from monai_sar.datasets.scan_patients import NOTHING, tell_patients


def touch(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return paths


@pytest.mark.parametrize(
    ("names", "suffix", "told_by", "patients"),
    [
        (["TCGA_CS_4941_1.nii.gz", "TCGA_CS_4941_2.nii.gz"], None, "file names (TCGA)", 1),
        (["anna/1.nii.gz", "anna/2.nii.gz", "bert/1.nii.gz"], None, "one folder per patient", 2),
        (["a_ct.nii.gz", "b_ct.nii.gz"], "_ct.nii.gz", "the name before _ct.nii.gz", 2),
        (["a.nii.gz", "b.nii.gz"], None, NOTHING, 2),
    ],
)
def test_names_and_folders(tmp_path: Path, names: list[str], suffix: str | None, told_by: str, patients: int) -> None:
    told = tell_patients(touch(tmp_path, *names), tmp_path, image_suffix=suffix)
    assert {patient.told_by for patient in told.values()} == {told_by}
    assert len({patient.key for patient in told.values()}) == patients


def test_a_manifest_comes_before_names_and_leaves_out_nobody(tmp_path: Path) -> None:
    scans = touch(tmp_path, "TCGA_CS_4941_1.nii.gz", "TCGA_CS_4941_2.nii.gz", "x.nii.gz")
    (tmp_path / "manifest.csv").write_text("file,patient\nTCGA_CS_4941_1.nii.gz,A\nTCGA_CS_4941_2.nii.gz,B\n")
    told = tell_patients(scans, tmp_path)
    assert [told[scan].told_by for scan in scans] == ["manifest.csv", "manifest.csv", NOTHING]
    assert len({patient.key for patient in told.values()}) == 3


def test_the_patient_id_comes_before_folders(tmp_path: Path, write_series: Callable[..., Any]) -> None:
    def name(dataset: FileDataset, index: int) -> None:
        dataset.PatientID = "SECRET"

    for number, folder in enumerate(("anna/one", "bert/two")):
        write_series(tmp_path / folder, shape=(1, 4, 4), number=number + 1, edit=name)
    told = tell_patients([tmp_path / "anna/one", tmp_path / "bert/two"], tmp_path)
    assert {patient.told_by for patient in told.values()} == {"DICOM PatientID"}
    assert len({patient.key for patient in told.values()}) == 1
