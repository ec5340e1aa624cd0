"""What training reads is what prediction sees."""

from pathlib import Path

import pytest
import torch

from monai_sar.datasets.patients import patients_of
from monai_sar.inferers import ScanPredictor
from tests.conftest import BUNDLE, head, save_nifti
from tests.label.conftest import REASON

pytest.importorskip("monailabel", reason=REASON)
pytestmark = pytest.mark.label


@pytest.fixture
def predictor(checkpoint: Path) -> ScanPredictor:
    return ScanPredictor.from_bundle(BUNDLE, ckpt_path=checkpoint)


def test_slices_come_back_as_they_were_prepared(predictor: ScanPredictor, tmp_path: Path) -> None:
    from monai_sar.label.normal_studies import NormalStudy
    from monai_sar.label.study_scan import StudyScan
    from monai_sar.label.study_slices import LoadStudySliced, write_study_slices

    study = NormalStudy(StudyScan(save_nifti(tmp_path / "scan.nii.gz")), name="abc", patient="one")
    files = write_study_slices([study], lambda scan: predictor.prepare(scan.path), tmp_path / "slices")["one"]
    prepared = predictor.prepare(study.scan.path)
    assert [file.stem for file in files] == [f"abc_{index:04d}" for index in range(4)]  # the last one is empty
    for index, file in enumerate(files):
        item = LoadStudySliced("image")({"image": str(file)})
        assert (item["image"] - prepared["image"][..., index]).abs().max() <= 0.5 / 65535
        assert torch.equal(item["region"], torch.as_tensor(prepared["region"])[..., index])
    assert set(patients_of(tmp_path / "slices", files).values()) == {"one"}


def test_a_study_that_shows_nothing_is_named(tmp_path: Path) -> None:
    from monai_sar.label.normal_studies import NormalStudy
    from monai_sar.label.study_scan import StudyScan
    from monai_sar.label.study_slices import write_study_slices

    empty = {"image": torch.zeros(1, 8, 8, 2), "region": torch.ones(1, 8, 8, 2)}
    study = NormalStudy(StudyScan(tmp_path / "scan.nii.gz"), name="abc", patient="one")
    with pytest.raises(ValueError, match="scan.nii.gz: no slice shows anything"):
        write_study_slices([study], lambda scan: empty, tmp_path / "slices")


def test_names_of_studies_do_not_reach_the_files(predictor: ScanPredictor, tmp_path: Path) -> None:
    from monailabel.datastore.local import LocalDatastore

    from monai_sar.label.normal_studies import normal_studies
    from monai_sar.label.study_slices import write_study_slices

    save_nifti(tmp_path / "studies" / "Doe_Jane.nii.gz", head())
    datastore = LocalDatastore(str(tmp_path / "studies"))
    datastore.update_image_info("Doe_Jane", {"normal": True})
    write_study_slices(normal_studies(datastore), lambda scan: predictor.prepare(scan.path), tmp_path / "slices")
    written = "".join(f"{path.name} {path.read_bytes()!r}" for path in (tmp_path / "slices").iterdir())
    assert "Doe" not in written
