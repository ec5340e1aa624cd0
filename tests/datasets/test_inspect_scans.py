"""Real NIfTI, DICOM and PNG in a datalist, each set with one planted fault: that one is found and nothing else."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest

from monai_sar.datasets import DatasetError
from monai_sar.datasets.inspection import ScanInspection, inspect_scans
from monai_sar.results.dicom_segmentation import write_segmentation
from tests.conftest import one_study, save_nifti

AFFINE = np.diag([0.9, 0.9, 4.0, 1.0])


def scan(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_nifti(path, np.random.default_rng(seed).integers(0, 900, (8, 9, 5)).astype(np.int16), AFFINE)


def mask(path: Path, *, affine: np.ndarray[Any, Any] = AFFINE, fill: slice = slice(2, 4)) -> None:
    voxels = np.zeros((8, 9, 5), np.uint8)
    voxels[fill, 2:5, 1:3] = 1
    save_nifti(path, voxels, affine)


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A clean list: two normal patients in each split, and one with a lesion in two of them."""
    document: dict[str, Any] = {}
    for first, key in ((0, "training"), (10, "validation"), (20, "testing")):
        document[key] = [{"image": f"{first + n}.nii.gz", "patient": f"P{first + n}", "abnormal": 0} for n in range(2)]
        for n in range(3):
            scan(tmp_path / f"{first + n}.nii.gz", first + n)
        if key != "training":
            mask(tmp_path / f"{first + 2}_seg.nii.gz")
            document[key].append(
                {"image": f"{first + 2}.nii.gz", "label": f"{first + 2}_seg.nii.gz", "patient": f"P{first + 2}"}
            )
    (tmp_path / "dataset.json").write_text(json.dumps(document))
    return tmp_path / "dataset.json"


def change(file: Path, key: str, number: int, **values: Any) -> None:
    document = json.loads(file.read_text())
    document[key][number] |= values
    file.write_text(json.dumps(document))


def found(inspection: ScanInspection) -> list[tuple[str, str]]:
    return [(finding.severity, finding.code) for finding in inspection.findings]


def test_a_clean_list_is_described(listed: Path) -> None:
    inspection = inspect_scans(listed)
    assert found(inspection) == []
    places = {f"{place.split}/{place.kind}": place for place in inspection.places}
    assert list(places) == ["train/good", "valid/good", "valid/Ungood", "test/good", "test/Ungood"]
    assert [place.scans for place in inspection.places] == [2, 2, 1, 2, 1]
    assert [place.masks for place in inspection.places] == [0, 0, 1, 0, 1]
    for place in inspection.places:
        assert place.patients == place.scans
        assert place.shapes == {"8 x 9 x 5": place.scans}
        assert place.spacings == {"0.9 x 0.9 x 4": place.scans}
        assert place.formats == {"nifti": place.scans}
    assert json.loads(json.dumps(inspection.to_dict()))["errors"] == 0


def _truncated(file: Path) -> None:
    path = file.parent / "0.nii.gz"
    path.write_bytes(path.read_bytes()[:100])


def _copied(file: Path) -> None:
    image = nib.load(file.parent / "0.nii.gz")
    nib.save(image, file.parent / "10.nii.gz")


def _add_region(file: Path, **options: Any) -> None:
    mask(file.parent / "r.nii", **options)
    change(file, "training", 0, region="r.nii")


FAULTS: dict[str, tuple[Callable[[Path], object], tuple[str, str]]] = {
    "truncated": (_truncated, ("error", "scan-unreadable")),
    "copied": (_copied, ("error", "scan-in-two-splits")),
    "twice": (lambda f: shutil.copy(f.parent / "0.nii.gz", f.parent / "1.nii.gz"), ("warning", "scan-twice")),
    "a mask as scan": (lambda f: mask(f.parent / "0.nii.gz"), ("error", "scan-two-valued")),
    "empty": (lambda f: mask(f.parent / "12_seg.nii.gz", fill=slice(0)), ("warning", "mask-empty")),
    "shifted": (lambda f: mask(f.parent / "12_seg.nii.gz", affine=AFFINE * 1.1), ("error", "mask-grid")),
    "smaller": (
        lambda f: save_nifti(f.parent / "12_seg.nii.gz", np.eye(3, dtype=np.uint8)[None], AFFINE),
        ("error", "mask-grid"),
    ),
    "inverted": (
        lambda f: save_nifti(f.parent / "12_seg.nii.gz", np.ones((8, 9, 5), np.uint8), AFFINE),
        ("warning", "mask-inverted"),
    ),
    "no mask": (lambda f: (f.parent / "12_seg.nii.gz").write_bytes(b"x"), ("error", "mask-unreadable")),
    "normal with lesion": (lambda f: change(f, "testing", 2, abnormal=0), ("error", "mask-of-good")),
    "region elsewhere": (
        lambda f: _add_region(f, affine=AFFINE * 2),
        ("error", "region-grid"),
    ),
    "empty region": (
        lambda f: _add_region(f, fill=slice(0)),
        ("error", "region-empty"),
    ),
    "patient unknown": (lambda f: change(f, "training", 0, patient=None), ("note", "patient-unknown")),
    "patient twice": (lambda f: change(f, "training", 0, patient="P10"), ("error", "files")),
    "gone": (lambda f: (f.parent / "20.nii.gz").unlink(), ("error", "files")),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_is_one_finding(listed: Path, fault: str) -> None:
    plant, expected = FAULTS[fault]
    plant(listed)
    assert found(inspect_scans(listed)) == [expected]


def test_a_split_without_scans_is_a_warning(listed: Path) -> None:
    document = json.loads(listed.read_text())
    del document["testing"]
    listed.write_text(json.dumps(document))
    assert found(inspect_scans(listed)) == [("warning", "split-empty")]


def test_dicom_with_a_segmentation(tmp_path: Path, write_series: Callable[..., Any]) -> None:
    """The mask is highdicom's; frames that it leaves out are empty."""
    for number, folder in enumerate(("train/good/a", "valid/good/img/b", "test/Ungood/img/c"), 1):
        write_series(tmp_path / folder, number=number, edit=one_study())
    source = [pydicom.dcmread(file) for file in sorted((tmp_path / "test/Ungood/img/c").iterdir())]
    source.sort(key=lambda dataset: float(dataset.ImagePositionPatient[2]))
    inside = np.zeros((10, 8, 5), np.bool_)
    inside[2:4, 3:6, 1:3] = True
    (tmp_path / "test/Ungood/label").mkdir()
    write_segmentation(tmp_path / "test/Ungood/label/c.dcm", inside, source)
    inspection = inspect_scans(tmp_path)
    assert found(inspection) == [("note", "patient-unknown")]
    assert [place.modalities for place in inspection.places] == [{"CT": 1}] * 3
    assert [(place.masks, place.masks_empty) for place in inspection.places] == [(0, 0), (0, 0), (1, 0)]


def test_what_is_no_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError):
        inspect_scans(tmp_path / "absent.json")
    with pytest.raises(DatasetError, match="expected one of the BMAD layouts"):
        inspect_scans(tmp_path)


def test_the_real_volumes(outside: Callable[[str], Path], tmp_path: Path) -> None:
    folder = outside("data/volumes/brain_mri_lgg")
    names = ("TCGA_CS_4941_19960909", "TCGA_CS_5393_19990606")
    items = [{"image": f"{folder / name}_flair.nii.gz", "label": f"{folder / name}_seg.nii.gz"} for name in names]
    (tmp_path / "dataset.json").write_text(json.dumps({"validation": items[:1], "testing": items[1:]}))
    inspection = inspect_scans(tmp_path / "dataset.json")
    assert found(inspection) == [("warning", "split-empty")]
    assert [(place.scans, place.masks, place.masks_empty) for place in inspection.places] == [(1, 1, 0)] * 2
